"""What a training step holds in memory at most."""

import json
import os
import tempfile
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile


def peak_memory(step, device):
    """Measure the most memory that a training step holds at once.

    Counted is what PyTorch allocates during the step: maps kept for the backward pass, gradients,
    scratch space. Weights and the input, there before, are not. On a GPU the caching allocator
    tells; on a CPU every allocation and release of a profiled step is added up.

    Args:
        step (TrainingStep): The step; it is run once.
        device (torch.device): Where it runs.

    Returns:
        int: Bytes.
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
