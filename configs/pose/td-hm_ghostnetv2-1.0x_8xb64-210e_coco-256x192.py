_base_ = (
    'mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_mobilenetv2_8xb64-210e_coco-256x192.py'
)
custom_imports = dict(imports=['mmghost'])

model = dict(
    backbone=dict(_delete_=True, type='mmghost.GhostNetV2', out_indices=(5,)),
    head=dict(in_channels=960),
)
