_base_ = './ghostnetv2-1.0x_1xb32-20e_imagenette-128.py'

model = dict(backbone=dict(type='mmghost.GhostNet', widen_factor=1.1), head=dict(in_channels=1056))
