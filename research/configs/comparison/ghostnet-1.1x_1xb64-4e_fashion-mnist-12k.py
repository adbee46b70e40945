_base_ = './ghostnet-1.0x_1xb64-4e_fashion-mnist-12k.py'

model = dict(backbone=dict(widen_factor=1.1), head=dict(in_channels=1056))
