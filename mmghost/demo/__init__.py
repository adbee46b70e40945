from .classification import run_classification_demo
from .detection import run_detection_demo
from .segmentation import run_segmentation_demo

__all__ = ['run_classification_demo', 'run_detection_demo', 'run_segmentation_demo']
