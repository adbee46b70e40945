from .deploy_checkpoint import deploy_checkpoint
from .deploy_form import to_deploy_form
from .packed_backbone import can_be_packed, pack_backbone
from .packing import natural_order
from .targets import TARGETS

__all__ = [
    'TARGETS',
    'can_be_packed',
    'deploy_checkpoint',
    'natural_order',
    'pack_backbone',
    'to_deploy_form',
]
