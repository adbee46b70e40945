"""mmghost: GhostNet backbones for OpenMMLab's detectors, segmentors and classifiers.

Importing it registers the backbones, lets torch's safe loader read what mmengine's runner writes,
and adds checkpoint schemes and package names to mmengine's. Nothing there is replaced.
"""

from .compat import check_versions, name_packages
from .version import __version__

check_versions()
name_packages()

from . import backbones  # noqa: E402
from .checkpoint import allow_mmengine_checkpoints  # noqa: E402

allow_mmengine_checkpoints()

__all__ = ['__version__', 'backbones']
