_base_ = './yolov3_ghostnetv2-1.0x_1xb8-128-4e_fashion-scenes-2k.py'

# As the papers' head has them
channels = [96, 96, 96]
model = dict(
    neck=dict(out_channels=channels),
    bbox_head=dict(in_channels=channels, out_channels=channels),
)
optim_wrapper = dict(optimizer=dict(lr=0.012))
