_base_ = [
    'mmseg::_base_/models/lraspp_m-v3-d8.py',
    'mmseg::_base_/datasets/ade20k.py',
    'mmseg::_base_/default_runtime.py',
    'mmseg::_base_/schedules/schedule_160k.py',
]
custom_imports = dict(imports=['mmghost'])

model = dict(
    data_preprocessor=dict(size=(512, 512)),
    backbone=dict(
        _delete_=True,
        type='mmghost.GhostNetV2',
        out_indices=(0, 1, 5),
        output_stride=16,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    decode_head=dict(type='mmghost.LRASPPHead', num_classes=150),
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
