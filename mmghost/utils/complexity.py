"""Parameters and multiply-adds, counted as the papers count them."""

from typing import NamedTuple

import torch

from .checks import check_int

try:
    from fvcore.nn import FlopCountAnalysis
except ImportError as error:
    raise ImportError("counting multiply-adds needs fvcore: 'pip install fvcore'.") from error


class Complexity(NamedTuple):
    """Parameters, and multiply-adds of convolutions and linear layers for one image."""

    parameters: int
    multiply_adds: int


def count_complexity(model, input_size, in_channels=3, operators=('conv', 'linear')):
    """Count a model's parameters and multiply-adds with fvcore.

    Args:
        model (nn.Module): The model; it is traced on ``(1, in_channels, H, W)`` in eval mode.
        input_size (tuple[int, int]): H and W in pixels.
        in_channels (int): Channels of the image. Defaults to 3.
        operators (Sequence[str]): What is counted, by fvcore's names.
            Defaults to ``('conv', 'linear')``.

    Returns:
        Complexity: Of the whole model.
    """
    for length in input_size:
        check_int('each side of the size', length, 1)
    device = next(model.parameters()).device
    training = model.training
    model.eval()  # which mm backbones do not return
    flops = FlopCountAnalysis(model, torch.zeros(1, in_channels, *input_size, device=device))
    flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = flops.by_operator()
    model.train(training)
    return Complexity(
        sum(parameter.numel() for parameter in model.parameters()),
        sum(by_operator[operator] for operator in operators),
    )
