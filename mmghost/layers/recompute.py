from contextlib import nullcontext

import torch
from torch.utils.checkpoint import checkpoint


def recompute(module, function, x):
    """Run a function whose result is computed again in the backward pass, to save memory.

    The second time the module's norm layers keep their running statistics, which
    :func:`torch.utils.checkpoint.checkpoint` alone would update twice (pytorch, issue 96136).

    Args:
        module (nn.Module): What holds the layers that the function runs.
        function (Callable): The function of one tensor.
        x (Tensor): Its argument.

    Returns:
        Tensor: The result.
    """
    if torch.compiler.is_compiling():  # which updates them once
        return checkpoint(function, x, use_reentrant=False)
    contexts = nullcontext(), _KeptStatistics(module)
    return checkpoint(function, x, use_reentrant=False, context_fn=lambda: contexts)


class _KeptStatistics:
    """A context, which may be entered again, in which norm layers keep their statistics."""

    def __init__(self, module):
        parts = module.modules()
        self.norms = [p for p in parts if getattr(p, 'num_batches_tracked', None) is not None]

    def __enter__(self):
        self.kept = [(norm.momentum, norm.num_batches_tracked) for norm in self.norms]
        for norm in self.norms:
            norm.momentum, norm.num_batches_tracked = 0.0, norm.num_batches_tracked.clone()

    def __exit__(self, *error):
        for norm, kept in zip(self.norms, self.kept):
            norm.momentum, norm.num_batches_tracked = kept
