from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.utils import digit_version
from torch import nn

from mmghost.compat import EXPORT_TORCH

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / 'configs'
RESEARCH = ROOT / 'research' / 'configs'


def configs_below(folder):
    """list[Path]: The configs of models in a folder, without what they have in common."""
    return sorted(path for path in folder.rglob('*.py') if path.parent.name != '_base_')


exports = pytest.mark.skipif(
    digit_version(torch.__version__) < digit_version(EXPORT_TORCH),
    reason=f'exported models take torch {EXPORT_TORCH}',
)


def randomise(model, seed=0):
    """Give every weight and every statistic of a model a random value a network could have."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith('running_var'):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif value.ndim == 1 and name.endswith('weight'):
            value.copy_(1 + 0.1 * noise)
        elif value.ndim == 1:
            value.copy_(0.1 * noise)
        else:
            value.copy_(noise * (2 / value[0].numel()) ** 0.5)
    return model


def settle(backbone):
    """Give a backbone random weights, and statistics that are near those of its features.

    As in trained networks, that is; with statistics out of the blue a network amplifies rounding,
    in places a millionfold. It is in double precision and evaluation mode then.
    """
    randomise(backbone).double().train()
    norms = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # the plain mean
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        for _ in range(2):
            backbone(torch.randn(4, 3, 65, 97, dtype=torch.double))
        for norm in norms:
            norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_var)
            norm.running_var *= 0.8 + 0.4 * torch.rand_like(norm.running_var)
    return backbone.eval()


class Camera:
    """A webcam whose frames get lighter."""

    def __init__(self, number):
        self.light = 0

    def read(self):
        self.light += 20
        return True, np.full((48, 64, 3), self.light, np.uint8)

    def release(self):
        pass
