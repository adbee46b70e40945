_base_ = [
    '../../../configs/segmentation/segformer-head_ghostnetv2-1.0x_4xb4-160k_ade20k-512x512.py',
    './_base_/fashion_scenes_2k_segmentation.py',
]

norm_cfg = dict(type='BN')
model = dict(
    data_preprocessor=dict(size=_base_.scenes.crop_size),
    backbone=dict(norm_cfg=norm_cfg),
    decode_head=dict(
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=_base_.scenes.class_weight),
    ),
)

train_dataloader = dict(_delete_=True, **_base_.scenes.train_dataloader)
val_dataloader = dict(_delete_=True, **_base_.scenes.val_dataloader)
test_dataloader = val_dataloader

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(_delete_=True, **_base_.scenes.train_cfg)
optim_wrapper = dict(_delete_=True, **_base_.scenes.optim_wrapper)
param_scheduler = _base_.scenes.param_scheduler
default_hooks = _base_.scenes.default_hooks
log_processor = _base_.scenes.log_processor
custom_hooks = _base_.scenes.custom_hooks
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=8)
