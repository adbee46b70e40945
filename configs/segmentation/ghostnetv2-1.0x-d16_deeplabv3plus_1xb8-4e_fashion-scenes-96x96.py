_base_ = [
    './ghostnetv2-1.0x-d16_deeplabv3plus_4xb4-160k_ade20k-512x512.py',
    '../_base_/fashion_scenes_segmentation.py',
]

# At this input size the paper's heads would cost several times what the backbone does
head = dict(_base_.scenes_head, channels=64)
model = dict(
    data_preprocessor=dict(size=_base_.scenes_crop),
    backbone=dict(norm_cfg=head['norm_cfg']),
    decode_head=dict(head, c1_channels=24, dilations=(1, 2, 3, 4)),
    auxiliary_head=head,
)
locals().update(_base_.scenes)
del head
