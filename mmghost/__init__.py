"""mmghost: GhostNet backbones for OpenMMLab's detectors, segmentors and classifiers."""

from .compat import check_versions
from .version import __version__

check_versions()

from . import backbones  # noqa: E402
from .checkpoint import allow_mmengine_checkpoints  # noqa: E402

allow_mmengine_checkpoints()

__all__ = ['__version__', 'backbones']
