"""What a result depends on besides the code: hardware and versions."""

import os
import platform
from importlib import metadata
from pathlib import Path

import torch

from mmghost.version import __version__

from .floor import measure_arithmetic, measure_copy

PACKAGES = (
    'torch',
    'timm',
    'mmpretrain',
    'onnxruntime',
    'openvino',
    'litert-torch',
    'ai-edge-litert',
)


def describe_environment(device):
    """Name the hardware and the versions.

    Args:
        device (torch.device): Where networks run.

    Returns:
        dict[str, str | int]: By what it is.
    """
    found = dict(processor=_processor(), cores=len(os.sched_getaffinity(0)))
    if device.type == 'cuda':
        found['gpu'] = torch.cuda.get_device_name(device)
    found.update(python=platform.python_version(), mmghost=__version__)
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor():
    lines = Path('/proc/cpuinfo').read_text().splitlines()
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()


def measure_machine(device, half):
    """Measure what a machine could do at best.

    Args:
        device (torch.device): Where networks run.
        half (bool): Whether half precision counts too.

    Returns:
        dict[str, float]: Multiply-adds and copied bytes a second.
    """
    machine = dict(multiply_adds=measure_arithmetic(device), copied_bytes=measure_copy(device))
    if half:
        dtype = torch.get_autocast_dtype(device.type)
        machine['half_multiply_adds'] = measure_arithmetic(device, dtype)
    return machine
