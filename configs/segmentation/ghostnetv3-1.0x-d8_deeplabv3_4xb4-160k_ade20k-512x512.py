_base_ = './ghostnetv2-1.0x-d8_deeplabv3_4xb4-160k_ade20k-512x512.py'

model = dict(
    backbone=dict(
        type='mmghost.GhostNetV3',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/huawei-noah/Efficient-AI-Backbones/releases/download/'
            'GhostNetV3/ghostnetv3-1.0.pth.tar',
        ),
    ),
)
