_base_ = 'mmseg::mobilenet_v2/mobilenet-v2-d8_deeplabv3_4xb4-160k_ade20k-512x512.py'

custom_imports = dict(imports=['mmghost'])
model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='mmghost.GhostNetV2',
        out_indices=(1, 2, 3, 4),
        output_stride=8,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    decode_head=dict(in_channels=160),
    auxiliary_head=dict(in_channels=112),
)
auto_scale_lr = dict(enable=False, base_batch_size=16)
