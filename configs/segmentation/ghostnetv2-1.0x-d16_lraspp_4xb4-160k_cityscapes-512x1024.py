_base_ = 'mmseg::mobilenet_v3/mobilenet-v3-d8_lraspp_4xb4-320k_cityscapes-512x1024.py'
custom_imports = dict(imports=['mmghost'])

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmghost.GhostNetV2',
        out_indices=(0, 1, 5),
        output_stride=16,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    decode_head=dict(type='mmghost.LRASPPHead'),
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
