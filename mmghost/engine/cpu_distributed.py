"""Several processes without a GPU, which mmengine's launchers do not provide for.

Up to 0.10.7 mmengine calls ``torch.cuda.set_device`` in every process of a distributed run, and
gives DistributedDataParallel a CUDA device; torch refuses SyncBatchNorm there.
"""

from unittest import mock

import torch
from mmengine.device import get_device
from mmengine.dist import utils
from mmengine.model import MMDistributedDataParallel

from .cpu_sync_batch_norm import convert_sync_batch_norms

LAUNCHERS = ('pytorch', 'slurm', 'mpi')


def _on_cpu(init_dist):
    def init_dist_on_cpu(backend, **kwargs):
        if backend != 'gloo':
            raise RuntimeError(
                f'no GPU is visible, which the {backend} backend needs: give '
                '--cfg-options env_cfg.dist_cfg.backend=gloo to use CPUs.'
            )
        with mock.patch.object(torch.cuda, 'set_device'):
            init_dist(backend, **kwargs)

    return init_dist_on_cpu


def support_cpu_distributed():
    """Let ``--launcher pytorch``, ``slurm`` and ``mpi`` use CPUs, over gloo, without accelerators.

    Must be called before mmengine's Runner is made. Changes nothing where there is an accelerator.
    """
    if get_device() != 'cpu':
        return
    for name in LAUNCHERS:
        function = f'_init_dist_{name}'
        setattr(utils, function, _on_cpu(getattr(utils, function)))
    wrap = MMDistributedDataParallel.__init__

    def wrap_on_cpu(self, module, *args, device_ids=None, **kwargs):
        convert_sync_batch_norms(module)
        wrap(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = wrap_on_cpu
