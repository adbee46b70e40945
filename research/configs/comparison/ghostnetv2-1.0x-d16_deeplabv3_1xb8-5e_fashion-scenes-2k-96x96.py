_base_ = (
    '../../../configs/segmentation/'
    'ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py'
)

max_epochs = 5

model = dict(
    decode_head=dict(
        _delete_=True,
        type='ASPPHead',
        in_channels=160,
        in_index=3,
        channels=64,
        dilations=(1, 2, 3, 4),
        dropout_ratio=0.1,
        num_classes=11,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=_base_.model.decode_head.loss_decode,
    ),
)
train_dataloader = dict(dataset=dict(indices=2000))
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=1))
