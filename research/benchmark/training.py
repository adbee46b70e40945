"""Training steps, and the memory that they take."""

import json
import tempfile
from pathlib import Path

import torch

from .profiling import quiet_profile


class TrainingStep:
    """Forward and backward pass of a mean square of every output; no optimizer.

    Args:
        module (nn.Module): In training mode.
        image (Tensor): The input.
    """

    def __init__(self, module, image):
        self.module, self.image = module, image

    def __call__(self):
        self.module.zero_grad(set_to_none=True)
        sum(out.float().square().mean() for out in self.module(self.image)).backward()


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
    with quiet_profile(device, profile_memory=True) as record:
        step()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'trace.json')
        record.export_chrome_trace(str(file))
        events = json.loads(file.read_text())['traceEvents']
    return _peak(event for event in events if event['name'] == '[memory]')


def _peak(events):
    held = most = 0
    for event in sorted(events, key=lambda event: event['ts']):
        held += event['args']['Bytes']
        most = max(most, held)
    return most
