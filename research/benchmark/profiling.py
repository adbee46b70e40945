"""PyTorch's profiler, without its messages."""

import os

from torch.profiler import ProfilerActivity, profile


def quiet_profile(device, **options):
    """Make a profiler of what runs on a device.

    Args:
        device (torch.device): Where it runs.
        **options: Of torch.profiler.profile.

    Returns:
        torch.profiler.profile: A context manager.
    """
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # it reports its own start and stop as errors
    activities = [ProfilerActivity.CPU]
    if device.type == 'cuda':
        activities.append(ProfilerActivity.CUDA)
    return profile(activities=activities, acc_events=True, **options)
