"""The machine: hardware and versions, what it could do at best, and what a network takes of it."""

import json
import os
import platform
import tempfile
import time
from importlib import metadata
from pathlib import Path

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from mmghost.utils.complexity import count_complexity
from mmghost.version import __version__

PACKAGES = ('torch', 'timm', 'mmpretrain', 'onnxruntime', 'openvino', 'litert-torch',
            'ai-edge-litert')  # fmt: skip
_REPEATS = 30


def describe_environment(device, packages=PACKAGES):
    """dict[str, str | int]: The hardware, and the versions of those packages that are installed."""
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
    """Measure multiply-adds a second, of a large matrix product, and bytes copied beyond any cache.

    On a GPU the product is in what convolutions take for single precision: TF32 where there is
    such. A byte counts twice, as it is read and written.
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
    """Count what one pass of a network, in evaluation mode, needs for an image.

    Returns:
        tuple[int, int]: Multiply-adds of convolutions and linear layers, and bytes of their
        weights, inputs and outputs, each moved once.
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


def peak_memory(step, device):
    """Measure the most memory in bytes that a :class:`TrainingStep`, run once, holds at once.

    Counted is what PyTorch allocates during the step: maps kept for the backward pass, gradients,
    scratch space. Weights and the input, there before, are not. On a GPU the caching allocator
    tells; on a CPU every allocation and release of a profiled step is added up.
    """
    step.module.zero_grad(set_to_none=True)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # it reports its own start and stop as errors
    with profile(activities=[ProfilerActivity.CPU], acc_events=True, profile_memory=True) as record:
        step()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'trace.json')
        record.export_chrome_trace(str(file))
        events = json.loads(file.read_text())['traceEvents']
    held = most = 0
    for event in sorted(
        (event for event in events if event['name'] == '[memory]'), key=lambda event: event['ts']
    ):
        held += event['args']['Bytes']
        most = max(most, held)
    return most
