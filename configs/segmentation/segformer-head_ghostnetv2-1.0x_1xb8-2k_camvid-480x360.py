_base_ = './ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-2k_camvid-480x360.py'

model = dict(
    backbone=dict(out_indices=(1, 2, 3, 4), output_stride=32),
    decode_head=dict(
        _delete_=True,
        type='SegformerHead',
        _scope_='mmseg',
        in_channels=[24, 40, 112, 160],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.1,
        num_classes=11,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', _scope_='mmseg'),
    ),
    auxiliary_head=None,
)
