"""Nearest upsampling in operations that every runtime rounds alike."""

import numpy as np
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode


class ExactNearest(TorchFunctionMode):
    """Let nearest upsampling by no whole factor take rows and columns by their indices.

    LiteRT's own takes the neighbour of a pixel's middle, PyTorch the one of its corner: the same
    for whole factors only.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.interpolate:
            return _interpolate(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _interpolate(x, size=None, scale_factor=None, mode='nearest', *args, **kwargs):
    lengths = x.shape[2:]
    if isinstance(size, int):
        size = (size,) * len(lengths)
    if mode != 'nearest' or size is None or all(b % a == 0 for a, b in zip(lengths, size)):
        return F.interpolate(x, size, scale_factor, mode, *args, **kwargs)
    for axis, (length, target) in enumerate(zip(lengths, size), 2):
        x = x.index_select(axis, torch.tensor(_nearest(length, target)))
    return x


def _nearest(length, target):
    """Give the index that PyTorch takes at each of ``target`` positions, rounded as it rounds."""
    step = np.float32(length) / np.float32(target)
    return (np.arange(target, dtype=np.float32) * step).astype(int).clip(max=length - 1).tolist()
