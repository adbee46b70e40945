"""Automatic mixed precision on CPUs, which mmengine's AmpOptimWrapper refuses."""

from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import autocast

from mmghost.registry import OPTIM_WRAPPERS

_THEIRS = (AmpOptimWrapper, 'AmpOptimWrapper', 'mmengine.AmpOptimWrapper')


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """mmengine's OptimWrapper, with the forward pass autocast to bfloat16.

    Its range is that of single precision, so that no loss needs scaling.

    Args:
        **kwargs: As those of mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model):
        """Autocast, and otherwise do as ``OptimWrapper``."""
        with super().optim_context(model), autocast(device_type='cpu', dtype=torch.bfloat16):
            yield


def support_cpu_amp(config):
    """Give a config the optimizer wrapper for CPUs in place of ``AmpOptimWrapper``.

    Changes nothing where there is an accelerator.

    Args:
        config (Config): A whole training config; it is changed.

    Returns:
        Config: ``config``.

    Raises:
        ValueError: If float16 is asked for.
    """
    wrapper = config.get('optim_wrapper') or {}
    if get_device() != 'cpu' or wrapper.get('type') not in _THEIRS:
        return config
    if wrapper.get('dtype') not in (None, 'bfloat16', torch.bfloat16):
        raise ValueError(
            f'optim_wrapper.dtype must be bfloat16 on a CPU, which has no AMP in {wrapper.dtype}.'
        )
    wrapper.pop('dtype', None)
    wrapper.pop('loss_scale', None)
    wrapper.type = 'mmghost.CPUAmpOptimWrapper'
    return config
