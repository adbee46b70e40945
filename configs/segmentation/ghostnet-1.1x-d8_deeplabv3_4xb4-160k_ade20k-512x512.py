_base_ = './ghostnetv2-1.0x-d8_deeplabv3_4xb4-160k_ade20k-512x512.py'

model = dict(
    backbone=dict(type='mmghost.GhostNet', widen_factor=1.1),
    decode_head=dict(in_channels=176),
    auxiliary_head=dict(in_channels=124),
)
