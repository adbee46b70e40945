"""Randomness that depends on the seed and the place in the training alone."""

import random

import numpy as np
import torch


def seed_from(*numbers, every_device=True):
    """Seed Python's, numpy's and torch's generators.

    Args:
        *numbers (int): What the seeds are derived from, each at least 0.
        every_device (bool): Seed torch's generators of all devices, not the CPU's alone.
            Defaults to True.
    """
    python, numpy, low, high = map(int, np.random.SeedSequence(numbers).generate_state(4))
    random.seed(python)
    np.random.seed(numpy)
    seed = (high << 32 | low) >> 1
    if every_device:
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
