from .dfc_attention import DFCAttention
from .fully_connected_dfc import FullyConnectedDFC
from .ghost_bottleneck import GhostBottleneck
from .ghost_module import GhostModule
from .ghost_module_v2 import GhostModuleV2
from .squeeze_excite import SqueezeExcite

__all__ = [
    'DFCAttention',
    'FullyConnectedDFC',
    'GhostBottleneck',
    'GhostModule',
    'GhostModuleV2',
    'SqueezeExcite',
]
