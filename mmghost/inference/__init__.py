from .images import find_images
from .inferencers import TASKS, load_inferencer
from .predict import predict_images

__all__ = ['TASKS', 'find_images', 'load_inferencer', 'predict_images']
