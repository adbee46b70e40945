_base_ = [
    '../../../configs/detection/ssdlite_ghostnetv2-1.0x_8xb24-600e_coco.py',
    './_base_/fashion_scenes_2k_detection.py',
]

model = dict(
    bbox_head=dict(
        num_classes=10,
        anchor_generator=dict(
            strides=[16, 32, 64, 128, 128, 128],
            # 0.4 times those for 320x320
            min_sizes=[19, 40, 60, 80, 100, 120],
            max_sizes=[40, 60, 80, 100, 120, 128],
        ),
    )
)
_base_.scenes.optim_wrapper.optimizer.lr = 0.012
locals().update(_base_.scenes)
