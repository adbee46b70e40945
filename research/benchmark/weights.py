"""Weights to compare speeds with: random, and as gentle to rounding as trained ones."""

import torch
from torch import nn

SIZE = (4, 3, 192, 192)


def settle(module, seed=0):
    """Give a module random weights, and its batch norms statistics near those of its features.

    With statistics out of the blue a deep network amplifies rounding, and two forms of it could not
    be compared.

    Args:
        module (nn.Module): Takes images; it is in evaluation mode then.
        seed (int): Seed of the weights. Defaults to 0.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(like):
        return torch.randn(like.shape, generator=generator, dtype=like.dtype)

    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(noise(parameter) * (2 / parameter[0].numel()) ** 0.5)
            else:
                parameter.copy_(name.endswith('weight') + 0.1 * noise(parameter))
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean
        module.double().train()
        for _ in range(2):
            module(torch.randn(SIZE, generator=generator, dtype=torch.double))
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
            norm.running_mean += 0.1 * norm.running_var.sqrt() * noise(norm.running_mean)
            norm.running_var *= 1 + 0.1 * noise(norm.running_var).clamp(-2, 2)
    module.float().eval()
