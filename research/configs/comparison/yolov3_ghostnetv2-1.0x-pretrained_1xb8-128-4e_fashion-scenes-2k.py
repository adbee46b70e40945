_base_ = './yolov3_ghostnetv2-1.0x_1xb8-128-4e_fashion-scenes-2k.py'

# research.reproduce puts the weights of the run's own seed here
weights = 'work_dirs/reproduce/ghostnetv2-1.0x_1xb64-4e_fashion-mnist-12k_seed0/epoch_4.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=weights)))
