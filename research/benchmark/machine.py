"""The machine: hardware and versions, what it could do at best, and what a network takes of it."""

import json
import os
import platform
import tempfile
from contextlib import suppress
from importlib import metadata
from itertools import accumulate
from pathlib import Path
from timeit import repeat

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from mmghost.compat import ONEDL
from mmghost.utils.complexity import count_complexity
from mmghost.version import __version__

PACKAGES = ('torch', 'timm', 'onnxruntime', 'openvino', 'litert-torch', 'ai-edge-litert',
            'nncf', 'ai-edge-quantizer', 'ncnn', 'pnnx', 'MNN', 'mmengine', 'mmcv', 'mmdet',
            'mmsegmentation', 'mmpretrain',
            'onedl-mmengine', 'onedl-mmcv', *ONEDL.values())  # fmt: skip
_SIDE, _REPEATS = 1024, 30


def describe_environment():
    """dict[str, str | int]: The hardware, and the versions of what is installed."""
    found = dict(processor=_processor(), cores=len(os.sched_getaffinity(0)))
    found.update(python=platform.python_version(), mmghost=__version__)
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def _processor():
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def measure_machine():
    """Measure multiply-adds a second, of a large matrix product, and bytes copied beyond any cache.

    Rates are the highest of many runs, which the machine reached when nothing disturbed it. A byte
    counts twice, as it is read and written.
    """
    left, right = torch.randn(2, _SIDE, _SIDE)
    multiplied = min(repeat(lambda: left @ right, number=1, repeat=_REPEATS))
    source = torch.ones(2**26)
    target = torch.empty_like(source)
    copied = min(repeat(lambda: target.copy_(source), number=1, repeat=_REPEATS))
    return dict(multiply_adds=_SIDE**3 / multiplied, copied_bytes=2 * source.nbytes / copied)


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
    with torch.inference_mode():
        module(image)
    for hook in hooks:
        hook.remove()
    count = count_complexity(module, tuple(image.shape[-2:]), image.shape[1])
    return count.multiply_adds * len(image), moved


def peak_memory(step):
    """Measure the most memory in bytes that a training step, run once, holds at once.

    Counted is what PyTorch allocates during the step: maps kept for the backward pass, gradients,
    scratch space. Weights and the input, there before, are not. Every allocation and release of a
    profiled step is added up.
    """
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # it reports its own start and stop as errors
    with profile(activities=[ProfilerActivity.CPU], acc_events=True, profile_memory=True) as record:
        step()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'trace.json')
        record.export_chrome_trace(str(file))
        events = json.loads(file.read_text())['traceEvents']
    changes = [event for event in events if event['name'] == '[memory]']
    changes.sort(key=lambda event: event['ts'])
    return max(accumulate(event['args']['Bytes'] for event in changes))
