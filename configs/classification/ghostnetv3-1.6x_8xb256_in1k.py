_base_ = './ghostnetv3-1.0x_8xb256_in1k.py'

model = dict(backbone=dict(widen_factor=1.6), head=dict(in_channels=1536))
