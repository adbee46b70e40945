_base_ = '../../../configs/classification/ghostnetv2-1.0x_8xb128_in1k.py'

model = dict(backbone=dict(enhance='capacity'))
