_base_ = './ghostnetv2-1.0x_1xb64-4e_fashion-mnist-12k.py'

max_epochs = 8

model = dict(
    backbone=dict(_delete_=True, type='ResNet', _scope_='mmpretrain', depth=18),
    head=dict(
        _delete_=True,
        type='LinearClsHead',
        num_classes=10,
        in_channels=512,
        loss=dict(type='CrossEntropyLoss'),
        topk=(1, 5),
    ),
)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
