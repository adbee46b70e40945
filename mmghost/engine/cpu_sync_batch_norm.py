"""Synchronised batch norm on CPUs, where DistributedDataParallel refuses torch's."""

import torch
from torch import distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _GatherFromProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, group):
        ctx.group, ctx.rank = group, distributed.get_rank(group)
        gathered = value.new_zeros(distributed.get_world_size(group), *value.shape)
        gathered[ctx.rank] = value
        distributed.all_reduce(gathered, group=group)
        return gathered

    @staticmethod
    def backward(ctx, gradient):
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(gradient, group=ctx.group)
        return gradient[ctx.rank], None


class CPUSyncBatchNorm(_BatchNorm):
    """Batch norm by the mean and the variance over the batches of all processes.

    Arguments, parameters and statistics are those of ``torch.nn.SyncBatchNorm``.

    Args:
        process_group (ProcessGroup, optional): The processes, by default all.
        *args, **kwargs: As those of ``torch.nn.BatchNorm2d``.
    """

    def __init__(self, *args, process_group=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.process_group = process_group

    def _check_input_dim(self, x):
        if x.dim() < 2:
            raise ValueError(f'x must be of shape (N, C, ...), not {tuple(x.shape)}.')

    def forward(self, x):
        """Normalize a batch of shape (N, C, ...)."""
        alone = not distributed.is_initialized() or (
            distributed.get_world_size(self.process_group) == 1
        )
        if not self.training or alone:
            return super().forward(x)
        self._check_input_dim(x)
        values = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        mean, variance, count = self._statistics(values)
        if self.track_running_stats:
            self._update_statistics(mean, variance, count)
        shape = (1, -1, *[1] * (x.dim() - 2))
        scale = torch.rsqrt(variance + self.eps)
        out = (values - mean.view(shape)) * scale.view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(x.dtype)

    def _statistics(self, x):
        variance, mean = torch.var_mean(x, [0, *range(2, x.dim())], correction=0)
        count = torch.full_like(mean, x.numel() // x.shape[1])
        gathered = _GatherFromProcesses.apply(
            torch.stack([mean, variance, count]), self.process_group
        )
        means, variances, counts = gathered.unbind(1)
        count = counts.sum(0)
        mean = (counts * means).sum(0) / count
        variance = (counts * (variances + (means - mean).square())).sum(0) / count
        return mean, variance, count.detach()

    def _update_statistics(self, mean, variance, count):
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / self.num_batches_tracked.item()
        self.running_mean.lerp_(mean.detach(), momentum)
        self.running_var.lerp_(variance.detach() * (count / (count - 1)), momentum)


def convert_sync_batch_norms(module):
    """Turn every ``torch.nn.SyncBatchNorm`` in a module into a :class:`CPUSyncBatchNorm`, in place.

    Args:
        module (nn.Module): The module.
    """
    for layer in module.modules():
        if isinstance(layer, nn.SyncBatchNorm):
            layer.__class__ = CPUSyncBatchNorm  # its attributes are the same
