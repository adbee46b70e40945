"""Parameters and multiply-adds, counted as the papers count them."""

import copy
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

    Parameters are those that are trained; multiply-adds are of the backbone's deploy form if it has
    one, in which branches of a training are merged.

    Args:
        model (nn.Module): The model; a copy is traced on ``(1, in_channels, H, W)`` in eval mode.
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
    parameters = sum(parameter.numel() for parameter in model.parameters())
    model = copy.deepcopy(model)
    model.eval()  # which mm backbones do not return
    merging = [part for part in model.modules() if hasattr(part, 'switch_to_deploy')]
    for part in merging[:1]:  # the outermost, which does it for those in it
        part.switch_to_deploy()
    flops = FlopCountAnalysis(model, torch.zeros(1, in_channels, *input_size, device=device))
    flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    by_operator = flops.by_operator()
    return Complexity(parameters, sum(by_operator[operator] for operator in operators))
