# Fashion scenes (demo/README.md) for any segmentor of mmseg, with a short training on a CPU:
# `locals().update(_base_.scenes)` in a config that has another base too
metainfo = dict(
    classes=(
        'background',
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
    ),
    palette=[
        [0, 0, 0],
        [230, 25, 75],
        [60, 180, 75],
        [255, 225, 25],
        [0, 130, 200],
        [245, 130, 48],
        [145, 30, 180],
        [70, 240, 240],
        [240, 50, 230],
        [210, 245, 60],
        [0, 128, 128],
    ],
)
scenes_root = 'data/fashion_scenes'
scenes_crop = (96, 96)
# Most pixels are background
scenes_head = dict(
    num_classes=11,
    norm_cfg=dict(type='BN'),
    loss_decode=dict(class_weight=[0.2] + [1.0] * 10),
)
validation = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root=scenes_root,
        metainfo=metainfo,
        data_prefix=dict(img_path='images/validation', seg_map_path='annotations/validation'),
        pipeline=[
            dict(type='LoadImageFromFile', _scope_='mmseg'),
            # Photographs to the scenes' size
            dict(type='Resize', _scope_='mmseg', scale=(128, 128), keep_ratio=True),
            dict(type='LoadAnnotations', _scope_='mmseg'),
            dict(type='PackSegInputs', _scope_='mmseg'),
        ],
    ),
)

scenes = dict(
    train_dataloader=dict(
        _delete_=True,
        batch_size=8,
        num_workers=2,
        persistent_workers=True,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dict(
            type='BaseSegDataset',
            _scope_='mmseg',
            data_root=scenes_root,
            metainfo=metainfo,
            data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
            pipeline=[
                dict(type='LoadImageFromFile', _scope_='mmseg'),
                dict(type='LoadAnnotations', _scope_='mmseg'),
                dict(type='RandomCrop', _scope_='mmseg', crop_size=scenes_crop),
                dict(type='RandomFlip', _scope_='mmseg', prob=0.5),
                dict(type='PackSegInputs', _scope_='mmseg'),
            ],
        ),
    ),
    val_dataloader=dict(_delete_=True, **validation),
    test_dataloader=dict(_delete_=True, **validation),
    optim_wrapper=dict(
        _delete_=True,
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05),
        clip_grad=None,
    ),
    param_scheduler=[
        dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
        dict(type='CosineAnnealingLR', by_epoch=True, T_max=4, convert_to_iter_based=True),
    ],
    train_cfg=dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=4, val_interval=4),
    default_hooks=dict(
        logger=dict(interval=50),
        checkpoint=dict(by_epoch=True, interval=1),
    ),
    log_processor=dict(by_epoch=True),
    runner_type='mmghost.ResumableRunner',
    custom_hooks=[dict(type='mmghost.ChannelsLastHook')],
    randomness=dict(seed=0),
    auto_scale_lr=dict(enable=False, base_batch_size=8),
)
del scenes_root, validation
