_base_ = './yolov3_ghostnetv2-1.0x_1xb8-128-4e_fashion-scenes-2k.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmdet.MobileNetV2',
        out_indices=(2, 4, 6),
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
    ),
    neck=dict(in_channels=[320, 96, 32]),
)
