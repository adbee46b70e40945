from .fashion_mnist import (
    find_fashion_mnist,
    local_fashion_mnist,
    read_fashion_mnist,
    unpack_fashion_mnist,
)
from .fashion_scenes import CLASSES, make_fashion_scenes

__all__ = [
    'CLASSES',
    'find_fashion_mnist',
    'local_fashion_mnist',
    'make_fashion_scenes',
    'read_fashion_mnist',
    'unpack_fashion_mnist',
]
