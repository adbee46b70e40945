_base_ = './rtmdet-nano_ghostnetv2-1.0x_1xb16-320-80e_bccd.py'

data_root = 'data/animals/'
data_source = (
    'get images/ and keypoints.json of part I from https://sites.google.com/view/animal-pose and '
    'run tools/dataset_converters/animals.py on the folder of both'
)
metainfo = dict(classes=('dog', 'cat', 'sheep', 'horse', 'cow'))
max_epochs = 60

model = dict(bbox_head=dict(num_classes=5))

# 240 enlarged to the next multiple of 32, as the neck asks for
size = (256, 256)
smaller = {(320, 320): size, (640, 640): (512, 512)}
for pipeline in (_base_.train_pipeline, _base_.train_pipeline_stage2, _base_.test_pipeline):
    for step in pipeline:
        for key in ('img_scale', 'scale', 'crop_size', 'size'):
            if key in step:
                step[key] = smaller[step[key]]
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        metainfo=metainfo,
        ann_file='annotations/instances_train.json',
        data_prefix=dict(img='train/'),
        pipeline=_base_.train_pipeline,
    )
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=_base_.test_pipeline)
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_test.json')
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs)
param_scheduler = _base_.param_scheduler
param_scheduler[1].T_max = max_epochs
custom_hooks = _base_.custom_hooks
custom_hooks[1].update(
    switch_epoch=max_epochs - _base_.stage2_num_epochs,
    switch_pipeline=_base_.train_pipeline_stage2,
)
del smaller, pipeline, step, key
