from .checks import check_choice, check_int, check_optional_dict, check_positive, check_type
from .make_divisible import make_divisible

__all__ = [
    'check_choice',
    'check_int',
    'check_optional_dict',
    'check_positive',
    'check_type',
    'make_divisible',
]
