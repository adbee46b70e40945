_base_ = '../../../configs/detection/rtmdet-nano_ghostnetv2-1.0x_1xb16-12e_animals-240.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.MobileNetV2',
        out_indices=(2, 4, 6),
        norm_cfg=dict(type='BN'),
    ),
    neck=dict(in_channels=[32, 96, 320]),
)
