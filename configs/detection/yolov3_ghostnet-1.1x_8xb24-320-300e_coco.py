_base_ = './yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'

model = dict(
    backbone=dict(type='mmghost.GhostNet', widen_factor=1.1),
    neck=dict(in_channels=[176, 124, 44]),
)
