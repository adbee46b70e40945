_base_ = [
    './yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py',
    '../_base_/fashion_scenes_detection.py',
]

# At this input size the neck and the head would cost more than the backbone
channels = [64, 64, 64]
model = dict(
    neck=dict(out_channels=channels),
    bbox_head=dict(
        num_classes=10,
        in_channels=channels,
        out_channels=channels,
        anchor_generator=dict(
            base_sizes=[
                [(36, 58), (59, 38), (54, 59)],
                [(22, 37), (37, 26), (35, 40)],
                [(10, 24), (24, 13), (18, 19)],
            ]
        ),
    ),
    # More anchors learn from each box than on COCO, which a short training needs
    train_cfg=dict(assigner=dict(pos_iou_thr=0.3, neg_iou_thr=0.3)),
)
locals().update(_base_.scenes)
