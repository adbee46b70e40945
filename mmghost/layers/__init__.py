from .dfc_attention import DFCAttention
from .ghost_bottleneck import GhostBottleneck
from .ghost_module import GhostModule, GhostModuleV2
from .ghostify import ghostify
from .squeeze_excite import SqueezeExcite

__all__ = [
    'DFCAttention',
    'GhostBottleneck',
    'GhostModule',
    'GhostModuleV2',
    'SqueezeExcite',
    'ghostify',
]
