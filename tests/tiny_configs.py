"""A config of each mm package that trains in seconds."""

from helpers import CONFIGS
from mmengine import registry

DETECTION = """
_base_ = '{configs}/detection/yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py'
data_root = '{scenes}/'
model = dict(backbone=dict(widen_factor=0.5), neck=dict(in_channels=[80, 56, 20]))
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
val_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False, dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_validation.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1)
custom_hooks = [dict(type='EMAHook')]
"""

SEGMENTATION = """
_base_ = ['mmseg::_base_/default_runtime.py']
norm_cfg = dict(type='BN')
custom_imports = dict(imports=['mmghost'])
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(type='SegDataPreProcessor', size=(128, 128)),
    backbone=dict(type='GhostNetV2', widen_factor=0.5),
    decode_head=dict(
        type='FCNHead', in_channels=80, in_index=0, channels=8, num_convs=1, num_classes=11,
        norm_cfg=norm_cfg, loss_decode=dict(type='CrossEntropyLoss')),
    test_cfg=dict(mode='whole'))
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
def loader(split, train):
    return dict(
        batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=train),
        dataset=dict(
            type='BaseSegDataset', data_root='{scenes}',
            metainfo=dict(
                classes=[str(i) for i in range(11)], palette=[[i, i, i] for i in range(11)]),
            data_prefix=dict(img_path='images/' + split, seg_map_path='annotations/' + split),
            pipeline=pipeline))
train_dataloader = loader('training', True)
val_dataloader = loader('validation', False)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=4, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=1),
    checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False, save_best='mIoU'),
    visualization=dict(type='SegVisualizationHook', interval=1))
del loader
"""

CLASSIFICATION = """
_base_ = ['mmpretrain::_base_/default_runtime.py']
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(num_classes=10, mean=[120.0] * 3, std=[60.0] * 3),
    backbone=dict(type='mmghost.GhostNetV2', widen_factor=0.5, out_indices=(5,)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='StackedLinearClsHead', num_classes=10, in_channels=480, mid_channels=[32],
        dropout_rate=0.2, loss=dict(type='CrossEntropyLoss')))
def loader(split, train):
    return dict(
        batch_size=4, num_workers=0, persistent_workers=False,
        sampler=dict(type='DefaultSampler', shuffle=train),
        dataset=dict(
            type='CustomDataset', data_root='{folders}/' + split,
            pipeline=[dict(type='LoadImageFromFile'), dict(type='PackInputs')]))
train_dataloader = loader('train', True)
val_dataloader = loader('val', False)
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=(1, 5))
test_evaluator = val_evaluator
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=2),
    dict(type='CosineAnnealingLR', T_max=2, convert_to_iter_based=True)]
train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=1)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(save_best='auto'))
del loader
"""


def filled(text, scenes, folders):
    """Fill the folders of the data in."""
    for name, value in (('configs', CONFIGS), ('scenes', scenes), ('folders', folders)):
        text = text.replace('{' + name + '}', str(value))
    return text


def in_pure_python(config):
    """Write a config's model and test data in pure Python, classes for the types' names."""
    imports = set()

    def write(value):
        if isinstance(value, (list, tuple)):
            return f'{type(value).__name__}([{", ".join(map(write, value))}])'
        if not isinstance(value, dict):
            return repr(value)
        return f'dict({", ".join(f"{key}={entry(key, item)}" for key, item in value.items())})'

    def entry(key, value):
        found = (find(root, value) for root in ROOTS if key == 'type')
        kind = next((kind for kind in found if isinstance(kind, type)), None)
        if kind is None:
            return write(value)
        imports.add(f'from {kind.__module__} import {kind.__name__}')
        return kind.__name__

    def find(root, name):
        with root.switch_scope_and_registry(None) as scoped:
            return scoped.get(name)

    names = ('model', 'test_dataloader', 'test_evaluator', 'visualizer', 'default_scope')
    lines = [f'{name} = {write(config[name])}' for name in names]
    return '\n'.join([*sorted(imports), *lines])


ROOTS = (
    registry.DATASETS,
    registry.METRICS,
    registry.MODELS,
    registry.TRANSFORMS,
    registry.VISBACKENDS,
    registry.VISUALIZERS,
)
