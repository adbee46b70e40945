_base_ = ['mmpretrain::_base_/default_runtime.py']

custom_imports = dict(imports=['mmghost'])
max_epochs = 2

model = dict(
    type='ImageClassifier',
    _scope_='mmpretrain',
    data_preprocessor=dict(num_classes=10, mean=[72.9], std=[90.0]),
    backbone=dict(type='mmghost.GhostNetV2', in_channels=1, out_indices=(5,)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='StackedLinearClsHead',
        num_classes=10,
        in_channels=960,
        mid_channels=[1280],
        dropout_rate=0.2,
        loss=dict(type='CrossEntropyLoss'),
        topk=(1, 5),
    ),
)

# Enlarged, so that more than one pixel is left at the backbone's stride of 32
train_pipeline = [
    dict(type='Resize', _scope_='mmpretrain', scale=48),
    dict(type='RandomFlip', _scope_='mmpretrain', prob=0.5, direction='horizontal'),
    dict(type='PackInputs', _scope_='mmpretrain'),
]
test_pipeline = [
    dict(type='Resize', _scope_='mmpretrain', scale=48),
    dict(type='PackInputs', _scope_='mmpretrain'),
]
dataset = dict(type='FashionMNIST', _scope_='mmpretrain', data_root='data/fashion_mnist')
train_dataloader = dict(
    batch_size=128,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    # test_mode, not split, makes mmpretrain read the test files
    dataset=dict(split='test', test_mode=True, pipeline=test_pipeline, **dataset),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', _scope_='mmpretrain', topk=(1, 5))
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.003, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='mmghost.ChannelsLastHook')]
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=128)
