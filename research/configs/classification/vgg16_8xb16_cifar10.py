_base_ = './resnet56_8xb16_cifar10.py'

model = dict(
    backbone=dict(_delete_=True, type='VGG', depth=16, norm_cfg=dict(type='BN')),
    head=dict(
        _delete_=True,
        type='StackedLinearClsHead',
        num_classes=10,
        in_channels=512,
        mid_channels=[512],
        dropout_rate=0.5,
        norm_cfg=dict(type='BN1d'),
        loss=dict(type='CrossEntropyLoss'),
    ),
)
