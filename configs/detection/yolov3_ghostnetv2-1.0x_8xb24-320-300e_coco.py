_base_ = 'mmdet::yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py'

custom_imports = dict(imports=['mmghost'])
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmghost.GhostNetV2',
        out_indices=(2, 3, 4),
    ),
    neck=dict(in_channels=[160, 112, 40]),
)
