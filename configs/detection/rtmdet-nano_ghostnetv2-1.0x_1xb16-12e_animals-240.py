_base_ = './rtmdet-nano_ghostnetv2-1.0x_1xb16-320-80e_bccd.py'

data_root = 'data/animals/'
data_source = (
    'get images/ and keypoints.json of part I from https://sites.google.com/view/animal-pose and '
    'run tools/dataset_converters/animals.py on the folder of both'
)
metainfo = dict(classes=('dog', 'cat', 'sheep', 'horse', 'cow'))
max_epochs = 12
interval = 2

model = dict(bbox_head=dict(num_classes=5))

# 240 enlarged to the next multiple of 32, as the neck asks for; too few epochs for mosaics
size = (256, 256)
train_pipeline = _base_.train_pipeline_stage2
test_pipeline = _base_.test_pipeline
for pipeline in (train_pipeline, test_pipeline):
    for step in pipeline:
        for key in {'scale', 'crop_size', 'size'} & step.keys():
            step[key] = size
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_train.json',
        data_prefix=dict(img='train/'),
        pipeline=train_pipeline,
    )
)
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_test.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=interval)
optim_wrapper = dict(optimizer=dict(lr=0.004))
param_scheduler = _base_.param_scheduler
param_scheduler[1].T_max = max_epochs
default_hooks = dict(checkpoint=dict(interval=interval))
custom_hooks = [
    _base_.custom_hooks[0],
    dict(type='mmghost.ChannelsLastHook'),
    dict(type='mmghost.CompileBackboneHook'),
]
del pipeline, step, key
