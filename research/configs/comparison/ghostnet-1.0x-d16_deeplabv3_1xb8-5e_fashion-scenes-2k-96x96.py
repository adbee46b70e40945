_base_ = './ghostnetv2-1.0x-d16_deeplabv3_1xb8-5e_fashion-scenes-2k-96x96.py'

model = dict(backbone=dict(type='mmghost.GhostNet'))
