"""The data that is made here: Fashion-MNIST and its scenes."""

from pathlib import Path

from mmghost.datasets import (
    find_fashion_mnist,
    local_fashion_mnist,
    make_fashion_scenes,
    unpack_fashion_mnist,
)

TRAIN_SCENES, VAL_SCENES = 4000, 400  # as in the demos
_MAKERS = {
    Path('data/fashion_mnist'): unpack_fashion_mnist,
    Path('data/fashion_scenes'): lambda source, place: make_fashion_scenes(
        place, source, TRAIN_SCENES, VAL_SCENES
    ),
}


def can_be_made(folder):
    """Tell whether a folder of a config is for data that is made here."""
    return Path(folder) in _MAKERS


def make_data(folder, place):
    """Make the data of a config's folder, unless the same is there.

    Args:
        folder (str | Path): As the configs have it.
        place (str | Path): Where it goes.

    Raises:
        OSError, ValueError: If Fashion-MNIST cannot be found, with the ways to get it, or other
            data is in ``place``.
    """
    source = local_fashion_mnist()
    if source is None:  # what is there already needs none
        source = place if Path(place).exists() else find_fashion_mnist()
    _MAKERS[Path(folder)](source, place)
