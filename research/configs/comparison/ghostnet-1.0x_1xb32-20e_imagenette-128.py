_base_ = '../../../configs/classification/ghostnetv2-1.0x_1xb32-20e_imagenette-128.py'

model = dict(backbone=dict(type='mmghost.GhostNet'))
