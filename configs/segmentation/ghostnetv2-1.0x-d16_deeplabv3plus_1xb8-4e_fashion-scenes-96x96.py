_base_ = './ghostnetv2-1.0x-d16_deeplabv3plus_4xb4-160k_ade20k-512x512.py'

data_root = 'data/fashion_scenes'
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
scene_size = (128, 128)
crop_size = (96, 96)
max_epochs = 4
norm_cfg = dict(type='BN')
class_weight = [0.2] + [1.0] * 10  # most pixels are background

model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(norm_cfg=norm_cfg),
    # At this input size the paper's heads would cost several times what the backbone does
    decode_head=dict(
        channels=64,
        c1_channels=24,
        dilations=(1, 2, 3, 4),
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=class_weight),
    ),
    auxiliary_head=dict(
        channels=64,
        num_classes=11,
        norm_cfg=norm_cfg,
        loss_decode=dict(class_weight=class_weight),
    ),
)

train_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmseg'),
    dict(type='LoadAnnotations', _scope_='mmseg'),
    dict(type='RandomCrop', _scope_='mmseg', crop_size=crop_size),
    dict(type='RandomFlip', _scope_='mmseg', prob=0.5),
    dict(type='PackSegInputs', _scope_='mmseg'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmseg'),
    # Photographs to the scenes' size
    dict(type='Resize', _scope_='mmseg', scale=scene_size, keep_ratio=True),
    dict(type='LoadAnnotations', _scope_='mmseg'),
    dict(type='PackSegInputs', _scope_='mmseg'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root=data_root,
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    dataset=dict(
        type='BaseSegDataset',
        _scope_='mmseg',
        data_root=data_root,
        metainfo=metainfo,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(
    _delete_=True,
    type='EpochBasedTrainLoop',
    max_epochs=max_epochs,
    val_interval=max_epochs,
)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.01, weight_decay=0.05),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(by_epoch=True, interval=1),
)
log_processor = dict(by_epoch=True)
custom_hooks = [dict(type='mmghost.ChannelsLastHook')]
randomness = dict(seed=0)
auto_scale_lr = dict(enable=False, base_batch_size=8)
