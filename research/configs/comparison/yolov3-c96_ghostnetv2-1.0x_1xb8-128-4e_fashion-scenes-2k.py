_base_ = [
    '../../../configs/detection/yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

model = dict(
    bbox_head=dict(
        num_classes=10,
        anchor_generator=dict(
            base_sizes=[
                [(36, 58), (59, 38), (54, 59)],
                [(22, 37), (37, 26), (35, 40)],
                [(10, 24), (24, 13), (18, 19)],
            ]
        ),
    ),
    train_cfg=dict(assigner=dict(pos_iou_thr=0.3, neg_iou_thr=0.3)),
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
