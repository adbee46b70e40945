_base_ = './rtmdet_ghostnetv2-1.0x_8xb32-300e_coco.py'

size = (416, 416)
model = dict(
    neck=dict(out_channels=64, use_depthwise=True),
    # mmdet cannot share depthwise separable convolutions between levels; they are small
    bbox_head=dict(in_channels=64, feat_channels=64, use_depthwise=True, share_conv=False),
)
crop = [
    dict(type='RandomCrop', _scope_='mmdet', crop_size=size),
    dict(type='YOLOXHSVRandomAug', _scope_='mmdet'),
    dict(type='RandomFlip', _scope_='mmdet', prob=0.5),
    dict(type='Pad', _scope_='mmdet', size=size, pad_val=dict(img=(114, 114, 114))),
]
load = [
    dict(type='LoadImageFromFile', _scope_='mmdet'),
    dict(type='LoadAnnotations', _scope_='mmdet', with_bbox=True),
]
# Ranges from 0.5: in a small image what is drawn smaller is too small to be seen
train_pipeline = [
    *load,
    dict(
        type='CachedMosaic',
        _scope_='mmdet',
        img_scale=size,
        pad_val=114.0,
        max_cached_images=20,
        random_pop=False,
    ),
    dict(
        type='RandomResize',
        _scope_='mmdet',
        scale=(832, 832),
        ratio_range=(0.5, 1.5),
        keep_ratio=True,
    ),
    *crop,
    dict(type='PackDetInputs', _scope_='mmdet'),
]
train_pipeline_stage2 = [
    *load,
    dict(type='RandomResize', _scope_='mmdet', scale=size, ratio_range=(0.5, 1.5), keep_ratio=True),
    *crop,
    dict(type='PackDetInputs', _scope_='mmdet'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdet'),
    dict(type='Resize', _scope_='mmdet', scale=size, keep_ratio=True),
    dict(type='Pad', _scope_='mmdet', size=size, pad_val=dict(img=(114, 114, 114))),
    dict(type='LoadAnnotations', _scope_='mmdet', with_bbox=True),
    dict(
        type='PackDetInputs',
        _scope_='mmdet',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
custom_hooks = [
    dict(
        type='EMAHook',
        _scope_='mmdet',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        update_buffers=True,
        priority=49,
    ),
    dict(
        type='PipelineSwitchHook',
        _scope_='mmdet',
        switch_epoch=280,
        switch_pipeline=train_pipeline_stage2,
    ),
]
del crop, load
