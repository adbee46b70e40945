"""Several processes without a GPU, which mmengine's launcher does not provide for.

Up to 0.10.7 mmengine calls ``torch.cuda.set_device`` in every process that ``--launcher pytorch``
starts, and gives DistributedDataParallel a CUDA device.
"""

from mmengine.device import get_device
from mmengine.dist import utils
from mmengine.model import MMDistributedDataParallel
from torch import distributed


def _init_on_cpu(backend, **kwargs):
    if backend != 'gloo':
        raise RuntimeError(
            f'no GPU is visible, which the {backend} backend needs: give '
            '--cfg-options env_cfg.dist_cfg.backend=gloo to use CPUs.'
        )
    kwargs.pop('init_backend', None)
    distributed.init_process_group(backend, **kwargs)


def support_cpu_distributed():
    """Let ``--launcher pytorch`` use CPUs, over gloo, where torch sees no accelerator.

    Must be called before mmengine's Runner is made. Changes nothing where there is an accelerator.
    """
    if get_device() != 'cpu':
        return
    utils._init_dist_pytorch = _init_on_cpu
    wrap = MMDistributedDataParallel.__init__

    def wrap_on_cpu(self, module, *args, device_ids=None, **kwargs):
        wrap(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = wrap_on_cpu
