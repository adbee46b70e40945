# Fashion scenes (demo/README.md) for any detector of mmdet, with a short training on a CPU:
# `locals().update(_base_.scenes)` in a config that has another base too
metainfo = dict(
    classes=(
        'T-shirt/top',
        'Trouser',
        'Pullover',
        'Dress',
        'Coat',
        'Sandal',
        'Shirt',
        'Sneaker',
        'Bag',
        'Ankle boot',
    )
)
scenes_root = 'data/fashion_scenes/'
validation = 'annotations/instances_validation.json'
resize = dict(type='Resize', _scope_='mmdet', scale=(128, 128), keep_ratio=True)
scenes_val = dict(
    dataloader=dict(
        batch_size=24,
        num_workers=2,
        persistent_workers=True,
        drop_last=False,
        sampler=dict(type='DefaultSampler', _scope_='mmdet', shuffle=False),
        dataset=dict(
            type='CocoDataset',
            _scope_='mmdet',
            data_root=scenes_root,
            metainfo=metainfo,
            ann_file=validation,
            data_prefix=dict(img='images/validation/'),
            test_mode=True,
            pipeline=[
                dict(type='LoadImageFromFile', _scope_='mmdet'),
                resize,
                dict(type='LoadAnnotations', _scope_='mmdet', with_bbox=True),
                dict(
                    type='PackDetInputs',
                    _scope_='mmdet',
                    meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
                ),
            ],
        ),
    ),
    evaluator=dict(
        type='CocoMetric',
        _scope_='mmdet',
        ann_file=scenes_root + validation,
        metric='bbox',
        classwise=True,
    ),
)

scenes = dict(
    train_dataloader=dict(
        _delete_=True,
        batch_size=16,
        num_workers=2,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', _scope_='mmdet', shuffle=True),
        batch_sampler=dict(type='AspectRatioBatchSampler', _scope_='mmdet'),
        dataset=dict(
            type='CocoDataset',
            _scope_='mmdet',
            data_root=scenes_root,
            metainfo=metainfo,
            ann_file='annotations/instances_training.json',
            data_prefix=dict(img='images/training/'),
            filter_cfg=dict(filter_empty_gt=True, min_size=8),
            pipeline=[
                dict(type='LoadImageFromFile', _scope_='mmdet'),
                dict(type='LoadAnnotations', _scope_='mmdet', with_bbox=True),
                resize,
                dict(type='RandomFlip', _scope_='mmdet', prob=0.5),
                dict(type='PackDetInputs', _scope_='mmdet'),
            ],
        ),
    ),
    val_dataloader=dict(_delete_=True, **scenes_val['dataloader']),
    test_dataloader=dict(_delete_=True, **scenes_val['dataloader']),
    val_evaluator=dict(_delete_=True, **scenes_val['evaluator']),
    test_evaluator=dict(_delete_=True, **scenes_val['evaluator']),
    optim_wrapper=dict(
        _delete_=True,
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=0.002, weight_decay=0.05),
        clip_grad=dict(max_norm=35, norm_type=2),
    ),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
        dict(type='CosineAnnealingLR', by_epoch=True, T_max=3, convert_to_iter_based=True),
    ],
    train_cfg=dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=3, val_interval=1),
    runner_type='mmghost.ResumableRunner',
    custom_hooks=[dict(type='mmghost.ChannelsLastHook')],
    randomness=dict(seed=0),
    auto_scale_lr=dict(base_batch_size=16),
)
del scenes_root, validation, resize, scenes_val
