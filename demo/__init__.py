from .classification import run_classification_demo
from .detection import run_detection_demo
from .segmentation import run_segmentation_demo

DEMO_CONFIGS = dict(  # within configs/
    det='detection/yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
    seg='segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py',
    cls='classification/ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py',
)

__all__ = ['DEMO_CONFIGS', 'run_classification_demo', 'run_detection_demo', 'run_segmentation_demo']
