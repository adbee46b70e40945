_base_ = '../../../configs/classification/ghostnetv2-1.0x_1xb32-20e_imagenette-128.py'

model = dict(
    backbone=dict(_delete_=True, type='mmpretrain.MobileNetV2', widen_factor=1.0),
    head=dict(
        _delete_=True,
        type='LinearClsHead',
        num_classes=10,
        in_channels=1280,
        loss=_base_.model.head.loss,
        topk=(1, 5),
    ),
)
