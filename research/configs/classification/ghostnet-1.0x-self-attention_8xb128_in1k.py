_base_ = '../../../configs/classification/ghostnet-1.0x_8xb128_in1k.py'

# On the output of the last bottleneck at each of the strides 8, 16 and 32
model = dict(
    backbone=dict(
        type='mmghost.AttentiveBackbone',
        backbone='mmghost.GhostNet',
        attention_cfg=dict(type='mmghost.MobileViTAttention'),
        where='output',
        blocks=[4, 10, 15],
    )
)
