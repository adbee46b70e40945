from .detection import run_detection_demo

__all__ = ['run_detection_demo']
