from .attentive_backbone import build_attentive_backbone
from .ghostnet import GhostNet
from .ghostnetv2 import GhostNetV2

__all__ = ['GhostNet', 'GhostNetV2', 'build_attentive_backbone']
