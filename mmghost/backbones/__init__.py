from .attentive_backbone import AttentiveBackbone
from .ghost_resnet import GhostResNet
from .ghost_vgg import GhostVGG
from .ghostified import Ghostified
from .ghostnet import GhostNet
from .ghostnetv2 import GhostNetV2
from .ghostnetv3 import GhostNetV3

__all__ = [
    'AttentiveBackbone',
    'GhostNet',
    'GhostNetV2',
    'GhostNetV3',
    'GhostResNet',
    'GhostVGG',
    'Ghostified',
]
