_base_ = '../../../configs/classification/ghostnetv2-1.0x_8xb128_in1k.py'

# The paper's text; the released weights pool by the average and upsample to the nearest
model = dict(
    backbone=dict(attention_cfg=dict(type='mmghost.DFCAttention', pool='max', upsample='bilinear'))
)
