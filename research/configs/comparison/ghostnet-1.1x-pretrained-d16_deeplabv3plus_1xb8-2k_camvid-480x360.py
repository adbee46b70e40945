_base_ = './ghostnet-1.1x-d16_deeplabv3plus_1xb8-2k_camvid-480x360.py'

# research.reproduce puts the weights of the run's own seed here
weights = 'work_dirs/reproduce/ghostnet-1.1x_1xb32-20e_imagenette-128_seed0/epoch_20.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=weights)))
