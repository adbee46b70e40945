_base_ = 'mmrotate::rotated_retinanet/rotated-retinanet-rbox-le90_r50_fpn_1x_dota.py'
custom_imports = dict(imports=['mmghost'])

model = dict(
    backbone=dict(
        _delete_=True, type='mmghost.GhostNetV2', out_indices=(1, 2, 3, 4), norm_eval=True
    ),
    neck=dict(in_channels=[24, 40, 112, 160]),
)
