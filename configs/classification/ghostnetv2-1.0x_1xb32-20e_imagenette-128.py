_base_ = './ghostnetv2-1.0x_8xb128_in1k.py'

data_root = 'data/imagenette'
data_source = (
    'unpack https://s3.amazonaws.com/fast-ai-imageclas/imagenette2.tgz and run '
    'tools/dataset_converters/imagenette.py on it'
)
metainfo = dict(
    classes=(
        'tench',
        'English springer',
        'cassette player',
        'chain saw',
        'church',
        'French horn',
        'garbage truck',
        'gas pump',
        'golf ball',
        'parachute',
    )
)
max_epochs = 20

model = dict(head=dict(num_classes=10))
data_preprocessor = dict(num_classes=10)

train_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmpretrain'),
    dict(type='RandomResizedCrop', _scope_='mmpretrain', scale=128, crop_ratio_range=(0.35, 1.0)),
    dict(type='RandomFlip', _scope_='mmpretrain', prob=0.5, direction='horizontal'),
    dict(type='PackInputs', _scope_='mmpretrain'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmpretrain'),
    dict(type='Resize', _scope_='mmpretrain', scale=(128, 128)),
    dict(type='PackInputs', _scope_='mmpretrain'),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    drop_last=True,
    dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    _delete_=True,
    optimizer=dict(type='AdamW', lr=0.003, weight_decay=0.05),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=300),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
custom_hooks = [
    dict(type='mmghost.ChannelsLastHook'),
    dict(type='mmghost.CompileBackboneHook'),
]
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=32)
