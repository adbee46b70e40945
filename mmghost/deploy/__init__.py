from .deploy_checkpoint import deploy_checkpoint
from .deploy_form import to_deploy_form
from .fold_norms import fold_norms
from .inference_conv import InferenceConv2d
from .packed_backbone import can_be_packed, pack_backbone
from .packing import natural_order
from .replay import Replay
from .targets import TARGETS

__all__ = [
    'InferenceConv2d',
    'Replay',
    'TARGETS',
    'can_be_packed',
    'deploy_checkpoint',
    'fold_norms',
    'natural_order',
    'pack_backbone',
    'to_deploy_form',
]
