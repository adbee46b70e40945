_base_ = './mobilenet-v2-1.0x_8xb128_in1k.py'

model = dict(
    backbone=dict(
        type='mmghost.AttentiveBackbone',
        backbone='mmpretrain.MobileNetV2',
        attention_cfg=dict(type='mmghost.DFCAttention'),
        where='gate',
    )
)
