_base_ = './mobilenet-v2-1.0x_8xb128_in1k.py'

model = dict(backbone=dict(widen_factor=1.1), head=dict(in_channels=1408))
