_base_ = [
    '../../../configs/detection/retinanet_ghostnet-1.1x_fpn_1x_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

# From scratch and in few iterations, RetinaNet's own layers without norms learn next to nothing
norm_cfg = dict(type='GN', num_groups=32)
model = dict(
    backbone=dict(type='mmghost.GhostNetV2', widen_factor=1.0, norm_eval=False),
    neck=dict(in_channels=[24, 40, 112, 160], norm_cfg=norm_cfg),
    # Half the sides of those for COCO, as the articles are 10 to 60 pixels large
    bbox_head=dict(num_classes=10, norm_cfg=norm_cfg, anchor_generator=dict(octave_base_scale=2)),
)
_base_.scenes.optim_wrapper.optimizer.lr = 0.006
locals().update(_base_.scenes)
