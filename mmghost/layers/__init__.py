from .attach_attention import attach_attention
from .branched_conv import BranchedConv
from .cbam import CBAM
from .coordinate_attention import CoordinateAttention
from .dfc_attention import DFCAttention
from .fold_norms import FoldingConvModule, fold_norms
from .fully_connected_dfc import FullyConnectedDFC
from .fusible_conv import FusibleConv2d
from .ghost_bottleneck import GhostBottleneck
from .ghost_module import GhostModule
from .ghost_module_v2 import GhostModuleV2
from .ghostify import ghostify
from .mobilevit_attention import MobileViTAttention
from .squeeze_excite import SqueezeExcite

__all__ = [
    'BranchedConv',
    'CBAM',
    'CoordinateAttention',
    'DFCAttention',
    'FoldingConvModule',
    'FullyConnectedDFC',
    'FusibleConv2d',
    'GhostBottleneck',
    'GhostModule',
    'GhostModuleV2',
    'MobileViTAttention',
    'SqueezeExcite',
    'attach_attention',
    'fold_norms',
    'ghostify',
]
