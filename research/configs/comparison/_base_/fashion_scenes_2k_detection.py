_base_ = '../../../../configs/_base_/fashion_scenes_detection.py'

scenes = dict(
    train_dataloader=dict(batch_size=8, dataset=dict(indices=2000)),
    train_cfg=dict(max_epochs=4),
    optim_wrapper=dict(optimizer=dict(lr=0.006)),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
        dict(type='CosineAnnealingLR', by_epoch=True, T_max=4, convert_to_iter_based=True),
    ],
    default_hooks=dict(logger=dict(interval=50), checkpoint=dict(interval=1, max_keep_ckpts=1)),
    auto_scale_lr=dict(base_batch_size=8),
)
