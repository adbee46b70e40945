_base_ = './ghostnetv2-1.0x_1xb64-4e_fashion-mnist-12k.py'

model = dict(backbone=dict(type='mmghost.GhostNetV3'))
