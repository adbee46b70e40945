_base_ = 'mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py'
custom_imports = dict(imports=['mmghost'])

model = dict(
    backbone=dict(_delete_=True, type='mmghost.GhostNetV2', out_indices=(3, 5)),
    neck=dict(in_channels=(112, 960), out_channels=(112, 960, 512, 256, 256, 128)),
    bbox_head=dict(type='mmghost.SSDHead', in_channels=(112, 960, 512, 256, 256, 128)),
)
