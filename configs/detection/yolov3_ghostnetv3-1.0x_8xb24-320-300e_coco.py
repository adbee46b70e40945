_base_ = './yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'

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
