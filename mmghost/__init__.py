"""mmghost: GhostNet backbones for OpenMMLab's detectors, segmentors and classifiers."""

from .compat import check_versions, leave_out_multimodal_models, name_onedls_packages
from .version import __version__

check_versions()
name_onedls_packages()
leave_out_multimodal_models()

from . import backbones  # noqa: E402
from .checkpoint import allow_mmengine_checkpoints, load_published_checkpoints  # noqa: E402
from .engine import (  # noqa: E402
    resume_from_whole_checkpoints,
    support_cpu_distributed,
    write_checkpoints_atomically,
)

allow_mmengine_checkpoints()
load_published_checkpoints()
support_cpu_distributed()
write_checkpoints_atomically()
resume_from_whole_checkpoints()

__all__ = ['__version__', 'backbones']
