_base_ = [
    './rtmdet-nano_ghostnetv2-1.0x_8xb32-320-300e_coco.py',
    '../_base_/fashion_scenes_detection.py',
]

norm_cfg = dict(type='BN')
model = dict(
    backbone=dict(norm_cfg=norm_cfg),
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(num_classes=10, norm_cfg=norm_cfg),
)
# The best of three tried on training scenes held out
_base_.scenes.optim_wrapper.optimizer.lr = 0.02
locals().update(_base_.scenes)
