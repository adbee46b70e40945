_base_ = '../../../../configs/_base_/fashion_scenes_segmentation.py'

scenes = dict(
    train_dataloader=dict(dataset=dict(indices=2000)),
    train_cfg=dict(max_epochs=5, val_interval=1),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
        dict(type='CosineAnnealingLR', by_epoch=True, T_max=5, convert_to_iter_based=True),
    ],
    default_hooks=dict(checkpoint=dict(max_keep_ckpts=1)),
)
