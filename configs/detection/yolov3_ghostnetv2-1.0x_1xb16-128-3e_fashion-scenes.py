_base_ = './yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'

data_root = 'data/fashion_scenes/'
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
input_size = (128, 128)
max_epochs = 3
# At this input size the neck and the head would cost more than the backbone
channels = [64, 64, 64]

model = dict(
    neck=dict(out_channels=channels),
    bbox_head=dict(
        num_classes=10,
        in_channels=channels,
        out_channels=channels,
        anchor_generator=dict(
            base_sizes=[
                [(36, 58), (59, 38), (54, 59)],
                [(22, 37), (37, 26), (35, 40)],
                [(10, 24), (24, 13), (18, 19)],
            ]
        ),
    ),
    # More anchors learn from each box than on COCO, which a short training needs
    train_cfg=dict(assigner=dict(pos_iou_thr=0.3, neg_iou_thr=0.3)),
)

train_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdet'),
    dict(type='LoadAnnotations', _scope_='mmdet', with_bbox=True),
    dict(type='Resize', _scope_='mmdet', scale=input_size, keep_ratio=True),
    dict(type='RandomFlip', _scope_='mmdet', prob=0.5),
    dict(type='PackDetInputs', _scope_='mmdet'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', _scope_='mmdet'),
    dict(type='Resize', _scope_='mmdet', scale=input_size, keep_ratio=True),
    dict(type='LoadAnnotations', _scope_='mmdet', with_bbox=True),
    dict(
        type='PackDetInputs',
        _scope_='mmdet',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        _delete_=True,
        type='CocoDataset',
        _scope_='mmdet',
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_training.json',
        data_prefix=dict(img='images/training/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=8),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_validation.json',
        data_prefix=dict(img='images/validation/'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_validation.json', classwise=True)
test_evaluator = val_evaluator

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.05),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
custom_hooks = [dict(type='mmghost.ChannelsLastHook')]
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=16)
