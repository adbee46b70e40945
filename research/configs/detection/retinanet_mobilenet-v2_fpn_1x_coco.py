_base_ = '../../../configs/detection/retinanet_ghostnet-1.1x_fpn_1x_coco.py'

model = dict(
    backbone=dict(_delete_=True, type='MobileNetV2', out_indices=(1, 2, 4, 6), norm_eval=True),
    neck=dict(in_channels=[24, 32, 96, 320]),
)
find_unused_parameters = True  # the last convolution, for classification
