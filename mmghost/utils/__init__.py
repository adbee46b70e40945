from .checks import (
    as_pair,
    check_choice,
    check_int,
    check_optional_dict,
    check_positive,
    check_type,
)
from .make_divisible import make_divisible

__all__ = [
    'as_pair',
    'check_choice',
    'check_int',
    'check_optional_dict',
    'check_positive',
    'check_type',
    'make_divisible',
]
