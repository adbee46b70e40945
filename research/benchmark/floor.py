"""What the machine could do at best, and what a network asks of it."""

import time
from typing import NamedTuple

import torch
from torch import nn

from mmghost.analysis import count_complexity

from .timing import synchronise

#: A training step's work, in forward passes: the gradients of maps and of weights are one each
TRAINING_PASSES = 3
REPEATS = 30


class Work(NamedTuple):
    """What one pass over one batch needs.

    Multiply-adds of convolutions and linear layers, and bytes in single precision: their weights,
    and their inputs and outputs, each moved once.
    """

    multiply_adds: int
    bytes: int


def _best_rate(function, amount, device):
    """Give the highest rate of many runs, which the machine reached when nothing disturbed it."""
    rates = []
    for _ in range(REPEATS):
        synchronise(device)
        started = time.perf_counter()
        function()
        synchronise(device)
        rates.append(amount / (time.perf_counter() - started))
    return max(rates)


def measure_arithmetic(device, dtype=torch.float32):
    """Measure the rate of a large matrix product, in multiply-adds a second.

    On a GPU, single precision is what convolutions take for it: TF32 where there is such.
    """
    size = 8192 if device.type == 'cuda' else 1024
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    matmul = torch.backends.cuda.matmul
    allowed, matmul.allow_tf32 = matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        with torch.inference_mode():
            return _best_rate(lambda: left @ right, size**3, device)
    finally:
        matmul.allow_tf32 = allowed


def measure_copy(device):
    """Measure the rate of a copy beyond any cache, in bytes read and written a second."""
    source = torch.ones(2**28 if device.type == 'cuda' else 2**26, device=device)
    target = torch.empty_like(source)
    return _best_rate(lambda: target.copy_(source), 2 * source.nbytes, device)


def count_work(module, image):
    """Count what a network needs for an input.

    Args:
        module (nn.Module): The network, in evaluation mode.
        image (Tensor): The input.

    Returns:
        Work: For all of its images.
    """
    moved = 0

    def add(layer, inputs, output):
        nonlocal moved
        tensors = (*inputs, output, *layer.parameters(recurse=False))
        moved += sum(tensor.nbytes for tensor in tensors)

    layers = (part for part in module.modules() if isinstance(part, (nn.Conv2d, nn.Linear)))
    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        with torch.inference_mode():
            module(image)
    finally:
        for hook in hooks:
            hook.remove()
    count = count_complexity(module, tuple(image.shape[-2:]), image.shape[1])
    return Work(count.multiply_adds * len(image), moved)
