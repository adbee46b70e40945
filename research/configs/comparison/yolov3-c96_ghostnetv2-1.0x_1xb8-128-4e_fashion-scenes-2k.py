_base_ = [
    '../../../configs/detection/yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

model = dict(
    bbox_head=dict(
        num_classes=10,
        anchor_generator=dict(
            base_sizes=[
                [(36, 58), (59, 38), (54, 59)],
                [(22, 37), (37, 26), (35, 40)],
                [(10, 24), (24, 13), (18, 19)],
            ]
        ),
    ),
    train_cfg=dict(assigner=dict(pos_iou_thr=0.3, neg_iou_thr=0.3)),
)
locals().update(_base_.scenes)
