_base_ = '../../../configs/detection/rtmdet-nano_ghostnetv2-1.0x_1xb16-12e_animals-240.py'

model = dict(
    backbone=dict(type='mmghost.GhostNet', widen_factor=1.1),
    neck=dict(in_channels=[44, 124, 176]),
)
