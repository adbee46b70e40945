_base_ = './yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'

data_root = 'data/animals/'
data_source = (
    'get images/ and keypoints.json of part I from https://sites.google.com/view/animal-pose and '
    'run tools/dataset_converters/animals.py on the folder of both'
)
metainfo = dict(classes=('dog', 'cat', 'sheep', 'horse', 'cow'))
max_epochs = 12
interval = 2

model = dict(
    bbox_head=dict(
        num_classes=5,
        # Clusters of the training boxes' sizes
        anchor_generator=dict(
            base_sizes=[
                [(141, 167), (190, 133), (213, 179)],
                [(80, 72), (89, 132), (134, 99)],
                [(17, 14), (29, 28), (46, 52)],
            ]
        ),
    )
)

# COCO's, at the photographs' size
train_pipeline = _base_.train_pipeline
train_pipeline[4].scale = (240, 240)
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = (240, 240)
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        _delete_=True,
        type='CocoDataset',
        _scope_='mmdet',
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_train.json',
        data_prefix=dict(img='train/'),
        filter_cfg=dict(filter_empty_gt=True, min_size=8),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_test.json',
        data_prefix=dict(img='test/'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_test.json', classwise=True)
test_evaluator = val_evaluator

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(max_epochs=max_epochs, val_interval=interval)
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=0.002, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=interval, max_keep_ckpts=3))
custom_hooks = [
    dict(type='mmghost.ChannelsLastHook'),
    dict(type='mmghost.CompileBackboneHook'),
]
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=16)
