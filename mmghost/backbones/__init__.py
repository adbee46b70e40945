from .ghost_resnet import GhostResNet
from .ghost_vgg import GhostVGG
from .ghostified import Ghostified
from .ghostnetv2 import GhostNetV2

__all__ = ['GhostNetV2', 'GhostResNet', 'GhostVGG', 'Ghostified']
