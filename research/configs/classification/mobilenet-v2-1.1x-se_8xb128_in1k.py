_base_ = './mobilenet-v2-1.1x_8xb128_in1k.py'

model = dict(
    backbone=dict(
        type='mmghost.AttentiveBackbone',
        backbone='mmpretrain.MobileNetV2',
        attention_cfg=dict(type='mmghost.SqueezeExcite', squeeze_ratio=1 / 32),
        where='output',
        blocks=[*range(1, 17)],
    )
)
