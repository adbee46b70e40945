from .checks import (
    as_pair,
    check_choice,
    check_flag,
    check_images,
    check_int,
    check_layer_cfg,
    check_module,
    check_odd,
    check_optional_dict,
    check_options,
    check_positive,
    check_type,
    nearest,
)
from .make_divisible import make_divisible
from .shapes import are_static, is_traced

__all__ = [
    'are_static',
    'as_pair',
    'check_choice',
    'check_flag',
    'check_images',
    'check_int',
    'check_layer_cfg',
    'check_module',
    'check_odd',
    'check_optional_dict',
    'check_options',
    'check_positive',
    'check_type',
    'is_traced',
    'make_divisible',
    'nearest',
]
