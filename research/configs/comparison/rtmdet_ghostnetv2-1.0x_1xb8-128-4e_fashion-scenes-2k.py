_base_ = [
    '../../../configs/detection/rtmdet_ghostnetv2-1.0x_8xb32-300e_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

norm_cfg = dict(type='BN')
model = dict(
    backbone=dict(norm_cfg=norm_cfg),
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(num_classes=10, norm_cfg=norm_cfg),
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
