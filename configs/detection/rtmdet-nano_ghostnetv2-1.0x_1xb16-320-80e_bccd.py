_base_ = './rtmdet-nano_ghostnetv2-1.0x_8xb32-320-300e_coco.py'

data_root = 'data/bccd/'
data_source = (
    'clone https://github.com/Shenggan/BCCD_Dataset and run tools/dataset_converters/bccd.py on '
    'its folder BCCD'
)
metainfo = dict(classes=('Platelets', 'RBC', 'WBC'))
max_epochs = 80
stage2_num_epochs = 10
interval = 10
norm_cfg = dict(type='BN')

model = dict(
    backbone=dict(norm_cfg=norm_cfg),
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(num_classes=3, norm_cfg=norm_cfg),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_trainval.json',
        data_prefix=dict(img='trainval/'),
        filter_cfg=dict(min_size=8),
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
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_test.json', classwise=True)
test_evaluator = val_evaluator

runner_type = 'mmghost.ResumableRunner'
train_cfg = dict(max_epochs=max_epochs, val_interval=interval, dynamic_intervals=None)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=max_epochs, convert_to_iter_based=True),
]
custom_hooks = [*_base_.custom_hooks, dict(type='mmghost.ChannelsLastHook')]
custom_hooks[1].switch_epoch = max_epochs - stage2_num_epochs
randomness = dict(seed=0)
auto_scale_lr = dict(base_batch_size=16)
