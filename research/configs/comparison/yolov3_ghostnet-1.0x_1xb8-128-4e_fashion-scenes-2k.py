_base_ = './yolov3_ghostnetv2-1.0x_1xb8-128-4e_fashion-scenes-2k.py'

model = dict(backbone=dict(type='mmghost.GhostNet'))
