_base_ = [
    '../../../configs/detection/retinanet_ghostnet-1.1x_fpn_1x_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

model = dict(
    backbone=dict(type='mmghost.GhostNetV2', widen_factor=1.0, norm_eval=False),
    neck=dict(in_channels=[24, 40, 112, 160]),
    # Half the sides of those for COCO, as the articles are 10 to 60 pixels large
    bbox_head=dict(num_classes=10, anchor_generator=dict(octave_base_scale=2)),
)

train_dataloader = dict(_delete_=True, **_base_.scenes.train_dataloader)
val_dataloader = dict(_delete_=True, **_base_.scenes.val_dataloader)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, **_base_.scenes.val_evaluator)
test_evaluator = val_evaluator

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(_delete_=True, **_base_.scenes.train_cfg)
optim_wrapper = dict(_delete_=True, **_base_.scenes.optim_wrapper)
param_scheduler = _base_.scenes.param_scheduler
default_hooks = _base_.scenes.default_hooks
custom_hooks = _base_.scenes.custom_hooks
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=8)
