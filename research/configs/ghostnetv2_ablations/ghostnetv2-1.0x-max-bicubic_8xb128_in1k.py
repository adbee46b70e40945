_base_ = './ghostnetv2-1.0x-max-bilinear_8xb128_in1k.py'

model = dict(backbone=dict(attention_cfg=dict(upsample='bicubic')))
