_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
custom_imports = dict(imports=['mmghost'])

model = dict(
    # RGB, as Ghost weights take it; RTMDet's own backbone takes BGR
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
    ),
    backbone=dict(
        _delete_=True,
        type='mmghost.GhostNetV2',
        out_indices=(2, 3, 4),
        norm_cfg=dict(type='SyncBN'),
    ),
    neck=dict(in_channels=[40, 112, 160]),
)
