_base_ = '../../../configs/detection/yolov3_ghostnetv2-1.0x_1xb16-12e_animals-240.py'

# research.reproduce puts the weights of the run's own seed here
weights = 'work_dirs/reproduce/ghostnetv2-1.0x_1xb32-20e_imagenette-128_seed0/epoch_20.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=weights)))
