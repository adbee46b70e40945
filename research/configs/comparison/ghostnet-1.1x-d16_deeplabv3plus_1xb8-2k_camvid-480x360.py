_base_ = '../../../configs/segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-2k_camvid-480x360.py'

model = dict(
    backbone=dict(type='mmghost.GhostNet', widen_factor=1.1),
    decode_head=dict(in_channels=176, c1_in_channels=28),
    auxiliary_head=dict(in_channels=124),
)
