"""What a result depends on besides the code: hardware, versions, and what it could do at best."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

from mmghost.utils.complexity import count_complexity
from mmghost.version import __version__

PACKAGES = ('torch', 'timm', 'mmpretrain', 'onnxruntime', 'openvino', 'litert-torch',
            'ai-edge-litert')  # fmt: skip
_REPEATS = 30


def describe_environment(device, packages=PACKAGES):
    """Name the hardware and the versions.

    Args:
        device (torch.device): Where networks run.
        packages (Sequence[str]): Whose versions are named, where they are installed.

    Returns:
        dict[str, str | int]: By what it is.
    """
    found = dict(processor=_processor(), cores=len(os.sched_getaffinity(0)))
    if device.type == 'cuda':
        found['gpu'] = torch.cuda.get_device_name(device)
    found.update(python=platform.python_version(), mmghost=__version__)
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor():
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def synchronise(device):
    """Wait until a device has done all that it was given."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def _best_rate(function, amount, device):
    """Give the highest rate of many runs, which the machine reached when nothing disturbed it."""
    rates = []
    for _ in range(_REPEATS):
        synchronise(device)
        started = time.perf_counter()
        function()
        synchronise(device)
        rates.append(amount / (time.perf_counter() - started))
    return max(rates)


def measure_machine(device):
    """Measure the rates of a large matrix product and of a copy beyond any cache.

    On a GPU the product is in what convolutions take for single precision: TF32 where there is
    such.

    Returns:
        dict[str, float]: Multiply-adds and copied bytes (read and written) a second.
    """
    on_gpu = device.type == 'cuda'
    size = 8192 if on_gpu else 1024
    left, right = torch.randn(2, size, size, device=device)
    precision = torch.get_float32_matmul_precision()
    if on_gpu and torch.backends.cudnn.allow_tf32:
        torch.set_float32_matmul_precision('high')
    try:
        with torch.inference_mode():
            multiply_adds = _best_rate(lambda: left @ right, size**3, device)
    finally:
        torch.set_float32_matmul_precision(precision)
    source = torch.ones(2**28 if on_gpu else 2**26, device=device)
    target = torch.empty_like(source)
    copied = _best_rate(lambda: target.copy_(source), 2 * source.nbytes, device)
    return dict(multiply_adds=multiply_adds, copied_bytes=copied)


def count_work(module, image):
    """Count what one pass of a network needs.

    Args:
        module (nn.Module): The network, in evaluation mode.
        image (Tensor): The input.

    Returns:
        tuple[int, int]: For all of its images, multiply-adds of convolutions and linear layers,
        and bytes of their weights, inputs and outputs, each moved once.
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
    return count.multiply_adds * len(image), moved
