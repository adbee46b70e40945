_base_ = [
    '../../../configs/detection/ssdlite_ghostnetv2-1.0x_8xb24-600e_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

model = dict(
    bbox_head=dict(
        num_classes=10,
        anchor_generator=dict(
            strides=[16, 32, 64, 128, 128, 128],
            # 0.4 times those for 320x320
            min_sizes=[19, 40, 60, 80, 100, 120],
            max_sizes=[40, 60, 80, 100, 120, 128],
        ),
    )
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
