_base_ = './ghostnet-1.0x-d16_deeplabv3_1xb8-5e_fashion-scenes-2k-96x96.py'

model = dict(
    backbone=dict(widen_factor=1.1),
    decode_head=dict(in_channels=176),
    auxiliary_head=dict(in_channels=124),
)
