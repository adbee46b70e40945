from .packed_backbone import PackedBackbone, can_be_packed
from .targets import TARGETS

__all__ = ['PackedBackbone', 'TARGETS', 'can_be_packed']
