from .convert import convert_checkpoint
from .load_pretrained import load_pretrained
from .load_whole_model import load_whole_model
from .loaders import load_from_mmghost
from .publish import find_published, publish_checkpoint
from .read_weights import Weights, check_sha256, is_remote, load_safely, read_weights, sha256
from .safe_globals import allow_mmengine_checkpoints
from .timm_layout import rename_timm_keys, to_timm_layout

__all__ = [
    'Weights',
    'allow_mmengine_checkpoints',
    'check_sha256',
    'convert_checkpoint',
    'find_published',
    'is_remote',
    'load_from_mmghost',
    'load_pretrained',
    'load_safely',
    'load_whole_model',
    'publish_checkpoint',
    'read_weights',
    'rename_timm_keys',
    'sha256',
    'to_timm_layout',
]
