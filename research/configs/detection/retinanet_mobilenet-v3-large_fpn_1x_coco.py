_base_ = '../../../configs/detection/retinanet_ghostnet-1.1x_fpn_1x_coco.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.MobileNetV3',
        arch='large',
        out_indices=(3, 6, 12, 16),
        norm_eval=True,
    ),
    neck=dict(in_channels=[24, 40, 112, 960]),
)
