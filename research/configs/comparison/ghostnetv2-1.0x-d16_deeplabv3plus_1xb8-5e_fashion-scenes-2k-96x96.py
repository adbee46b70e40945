_base_ = [
    '../../../configs/segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_4xb4-160k_ade20k-512x512.py',
    './_base_/fashion_scenes_2k_segmentation.py',
]

model = dict(
    data_preprocessor=dict(size=_base_.scenes_crop),
    backbone=dict(norm_cfg=_base_.scenes_head.norm_cfg),
    decode_head=_base_.scenes_head,
    auxiliary_head=_base_.scenes_head,
)
locals().update(_base_.scenes)
