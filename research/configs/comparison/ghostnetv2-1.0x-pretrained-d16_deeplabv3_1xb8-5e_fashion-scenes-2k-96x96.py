_base_ = './ghostnetv2-1.0x-d16_deeplabv3_1xb8-5e_fashion-scenes-2k-96x96.py'

# research.reproduce puts the weights of the run's own seed here
weights = 'work_dirs/reproduce/ghostnetv2-1.0x_1xb64-4e_fashion-mnist-12k_seed0/epoch_4.pth'
model = dict(backbone=dict(init_cfg=dict(type='Pretrained', checkpoint=weights)))
