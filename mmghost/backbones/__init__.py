from .ghostnet import GhostNet
from .ghostnetv2 import GhostNetV2

__all__ = ['GhostNet', 'GhostNetV2']
