_base_ = '../../../configs/segmentation/segformer-head_ghostnetv2-1.0x_1xb8-2k_camvid-480x360.py'

# research.reproduce puts the weights of the run's own seed here
weights = 'work_dirs/reproduce/ghostnetv2-1.0x_1xb32-20e_imagenette-128_seed0/epoch_20.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=weights)))
