from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner import autocast

from mmghost.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Automatic mixed precision on CPUs, which mmengine's AmpOptimWrapper refuses.

    The forward pass is autocast to bfloat16, whose range is that of single precision, so that no
    loss needs scaling.

    Args:
        **kwargs: As those of mmengine's ``OptimWrapper``.

    Example:
        >>> optim_wrapper = dict(type='mmghost.CPUAmpOptimWrapper', optimizer=dict(type='SGD'))
    """

    @contextmanager
    def optim_context(self, model):
        """Autocast, and otherwise do as ``OptimWrapper``."""
        with super().optim_context(model), autocast(device_type='cpu', dtype=torch.bfloat16):
            yield
