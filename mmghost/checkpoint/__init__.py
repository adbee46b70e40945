from .safe_globals import allow_mmengine_checkpoints
from .timm_layout import rename_timm_keys

__all__ = ['allow_mmengine_checkpoints', 'rename_timm_keys']
