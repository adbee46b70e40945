_base_ = [
    'mmpretrain::_base_/datasets/imagenet_bs128_mbv3.py',
    'mmpretrain::_base_/default_runtime.py',
]

custom_imports = dict(imports=['mmghost'])
model = dict(
    type='ImageClassifier',
    _scope_='mmpretrain',
    backbone=dict(type='mmghost.GhostNetV2', out_indices=(5,)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='StackedLinearClsHead',
        num_classes=1000,
        in_channels=960,
        mid_channels=[1280],
        dropout_rate=0.2,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        topk=(1, 5),
    ),
)

bgr_mean = [103.53, 116.28, 123.675]
bgr_std = [57.375, 57.12, 58.395]
train_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmpretrain'),
    dict(
        type='RandomResizedCrop',
        _scope_='mmpretrain',
        scale=224,
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='RandomFlip', _scope_='mmpretrain', prob=0.5, direction='horizontal'),
    # RandAugment of timm without "inc": colours go from faded to strong, posterizing and solarizing
    # from strong to faint, as the level rises
    dict(
        type='RandAugment',
        _scope_='mmpretrain',
        policies=[
            dict(type='AutoContrast'),
            dict(type='Equalize'),
            dict(type='Invert'),
            dict(type='Rotate', magnitude_range=(0, 30)),
            dict(type='Posterize', magnitude_range=(0, 4)),
            dict(type='Solarize', magnitude_range=(0, 256)),
            dict(type='SolarizeAdd', magnitude_range=(0, 110)),
            *[
                dict(type=kind, magnitude_range=(-0.9, 0.9), random_negative_prob=0.0)
                for kind in ('ColorTransform', 'Contrast', 'Brightness', 'Sharpness')
            ],
            *[
                dict(type=kind, magnitude_range=(0, top), direction=direction)
                for kind, top in (('Shear', 0.3), ('Translate', 0.45))
                for direction in ('horizontal', 'vertical')
            ],
        ],
        num_policies=2,
        magnitude_level=9,
        magnitude_std=0.5,
        hparams=dict(pad_val=[round(x) for x in bgr_mean], interpolation='bicubic'),
    ),
    dict(
        type='RandomErasing',
        _scope_='mmpretrain',
        erase_prob=0.2,
        mode='rand',
        min_area_ratio=0.02,
        max_area_ratio=1 / 3,
        fill_color=bgr_mean,
        fill_std=bgr_std,
    ),
    dict(type='PackInputs', _scope_='mmpretrain'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmpretrain'),
    dict(
        type='ResizeEdge',
        _scope_='mmpretrain',
        scale=256,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='CenterCrop', _scope_='mmpretrain', crop_size=224),
    dict(type='PackInputs', _scope_='mmpretrain'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

epochs = 450
warmup = 3
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    optimizer=dict(
        type='mmghost.RMSpropTF', lr=0.064, alpha=0.9, momentum=0.9, eps=0.001, weight_decay=1e-5
    ),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6 / 0.064, by_epoch=True, begin=0, end=warmup + 1),
    # Every 2.4 epochs, at the first whole epoch after each
    dict(
        type='MultiStepLR',
        by_epoch=True,
        gamma=0.973,
        milestones=[-(-12 * step // 5) for step in range(1, epochs * 5 // 12 + 1)],
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type='EMAHook', _scope_='mmpretrain', momentum=1e-4, update_buffers=True)]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3, save_best='auto'))
auto_scale_lr = dict(base_batch_size=1024)
