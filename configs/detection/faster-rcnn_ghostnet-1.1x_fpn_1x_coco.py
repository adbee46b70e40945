_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'

custom_imports = dict(imports=['mmghost'])
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmghost.GhostNet',
        widen_factor=1.1,
        out_indices=(1, 2, 3, 4),
        norm_eval=True,
    ),
    neck=dict(in_channels=[28, 44, 124, 176]),
)
