"""Several processes without a GPU, which mmengine's launchers do not provide for."""

import logging
import os
import subprocess
from datetime import timedelta

from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from torch import distributed, nn

from mmghost.registry import MODEL_WRAPPERS

# Where a launcher leaves the number of a process, and how many there are
_VARIABLES = dict(
    pytorch=('RANK', 'WORLD_SIZE'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'),
)


def init_gloo(launcher, timeout=None, port=None, **kwargs):
    """Make the process group of a training on CPUs.

    Up to 0.10.7, mmengine calls ``torch.cuda.set_device`` in every process of a distributed run.

    Args:
        launcher (str): 'pytorch', 'slurm' or 'mpi'.
        timeout (float, optional): Seconds that a process waits for the others. Defaults to None,
            torch's.
        port (int, optional): The first process's, of Slurm. Defaults to None, ``MASTER_PORT`` or
            29500.
        **kwargs: As those of ``torch.distributed.init_process_group``.
    """
    rank, world_size = (int(os.environ[name]) for name in _VARIABLES[launcher])
    if launcher == 'slurm' and 'MASTER_ADDR' not in os.environ:
        words = ['scontrol', 'show', 'hostname', os.environ['SLURM_NODELIST']]
        hosts = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        os.environ['MASTER_ADDR'] = hosts.split()[0]
    if port is not None:
        os.environ['MASTER_PORT'] = str(port)
    os.environ.setdefault('MASTER_PORT', '29500')
    os.environ.setdefault('LOCAL_RANK', '0')  # which mmengine's Runner reads, for a GPU's number
    distributed.init_process_group(
        'gloo',
        rank=rank,
        world_size=world_size,
        timeout=None if timeout is None else timedelta(seconds=timeout),
        **kwargs,
    )


@MODEL_WRAPPERS.register_module()
class CPUDistributedDataParallel(MMDistributedDataParallel):
    """mmengine's MMDistributedDataParallel on CPUs.

    torch refuses SyncBatchNorm there: every process normalizes its own batch, and a warning says
    so.

    Args:
        module (nn.Module): The model.
        device_ids: GPUs, which mmengine's Runner passes; not used.
        **kwargs: As those of ``MMDistributedDataParallel``.

    Example:
        >>> model_wrapper_cfg = dict(type='mmghost.CPUDistributedDataParallel')
    """

    def __init__(self, module, device_ids=None, **kwargs):
        if any(isinstance(layer, nn.SyncBatchNorm) for layer in module.modules()):
            print_log(
                'SyncBatchNorm is for GPUs: each process normalizes its own batch.',
                logger='current',
                level=logging.WARNING,
            )
            module = revert_sync_batchnorm(module)
        super().__init__(module, **kwargs)
