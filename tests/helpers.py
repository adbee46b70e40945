from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / 'configs'


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
