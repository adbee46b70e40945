_base_ = './ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4k_camvid-480x360.py'

model = dict(
    backbone=dict(out_indices=(0, 1, 5)),
    decode_head=dict(
        _delete_=True,
        type='mmghost.LRASPPHead',
        in_channels=(16, 24, 960),
        in_index=(0, 1, 2),
        channels=128,
        input_transform='multiple_select',
        num_classes=11,
        norm_cfg=dict(type='BN', eps=0.001),
        act_cfg=dict(type='ReLU'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', _scope_='mmseg'),
    ),
    auxiliary_head=None,
)
