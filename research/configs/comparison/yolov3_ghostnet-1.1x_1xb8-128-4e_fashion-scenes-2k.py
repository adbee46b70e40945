_base_ = './yolov3_ghostnet-1.0x_1xb8-128-4e_fashion-scenes-2k.py'

model = dict(backbone=dict(widen_factor=1.1), neck=dict(in_channels=[176, 124, 44]))
