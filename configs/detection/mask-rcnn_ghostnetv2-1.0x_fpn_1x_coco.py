_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['mmghost'])

model = dict(
    backbone=dict(
        _delete_=True, type='mmghost.GhostNetV2', out_indices=(1, 2, 3, 4), norm_eval=True
    ),
    neck=dict(in_channels=[24, 40, 112, 160]),
)
# As the rows of other mobile backbones are trained (PoolFormer, EfficientFormer, RepViT)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-4, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
