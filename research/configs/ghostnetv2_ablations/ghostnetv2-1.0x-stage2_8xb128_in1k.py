_base_ = '../../../configs/classification/ghostnetv2-1.0x_8xb128_in1k.py'

dfc = dict(type='mmghost.DFCAttention')
model = dict(
    backbone=dict(attention_cfg=[None] * 5 + [dfc] * 6 + [None] * 5)
)  # bottlenecks 5 to 10
