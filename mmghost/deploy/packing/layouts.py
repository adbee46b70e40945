"""Convolutions rewritten for maps whose channels are in another order and padded.

A layout is a list with the channel at each place, or ``EMPTY`` for a place that is kept zero.
"""

import torch
import torch.nn.functional as F
from torch import nn

EMPTY = -1


class PackedConv2d(nn.Conv2d):
    """A convolution of packed maps, and ReLU where ``relu`` is set."""

    relu = False

    def forward(self, x):
        out = super().forward(x)
        return F.relu(out) if self.relu else out


def ghost_layouts(intrinsic_channels, out_channels, target):
    """Lay the outputs of a Ghost module out in parts that a runtime need not pad.

    Channels below ``intrinsic_channels`` are intrinsic maps, the others their ghosts in order.
    What is left over when both halves are cut into the runtime's blocks shares one mixed part.

    Args:
        intrinsic_channels (int): Channels of the primary convolution.
        out_channels (int): Channels of the Ghost module, at most twice as many.
        target (Target): What the runtime likes.

    Returns:
        tuple[list[int]]: Layouts of the intrinsic, the ghost and the mixed part, or ``[]``.
    """
    ghosts = list(range(intrinsic_channels, out_channels))
    whole = intrinsic_channels // target.block * target.block
    rest = intrinsic_channels - whole
    if out_channels <= target.joint_channels:
        whole = 0
    elif 2 * rest > target.block:
        whole = intrinsic_channels
    mixed = list(range(whole, intrinsic_channels)) + ghosts[whole:]
    intrinsic, mixed = (_pad(part, target.block) for part in (list(range(whole)), mixed))
    return intrinsic, _pad(ghosts[:whole], len(intrinsic) or 1), mixed


def natural_order(layout):
    """Give the places of the channels in order, as slices that are to be joined."""
    runs = []
    for channel in range(max(layout) + 1):
        place = layout.index(channel)
        if not runs or runs[-1].stop != place:
            runs.append(slice(place, place))
        runs[-1] = slice(runs[-1].start, place + 1)
    return runs


def pack_conv(layer, layout):
    """Rewrite the outputs of a ConvModule whose norm is folded."""
    conv = layer.conv
    return _packed(layer, _take(conv.weight, layout), _take(_bias(conv), layout))


def pack_pointwise(layer, in_layout, layout):
    """Rewrite the inputs and outputs of one with a 1x1 convolution."""
    conv = layer.conv
    weight = _take(_take(conv.weight, layout).transpose(0, 1), in_layout).transpose(0, 1)
    return _packed(layer, weight, _take(_bias(conv), layout))


def pack_depthwise(layer, layout, passed=()):
    """Rewrite one with a depthwise convolution, copying the places ``passed`` instead."""
    conv = layer.conv
    weight, bias = _take(conv.weight, layout), _take(_bias(conv), layout)
    for place in passed:
        weight[place] = 0
        weight[place, :, weight.size(2) // 2, weight.size(3) // 2] = 1
        bias[place] = 0
    return _packed(layer, weight, bias)


def _pad(layout, block):
    return layout + [EMPTY] * (-len(layout) % block)


def _bias(conv):
    return conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias


def _take(tensor, layout):
    index = torch.tensor(layout, device=tensor.device)
    taken = tensor.detach()[index.clamp(min=0)]
    taken[index == EMPTY] = 0
    return taken


def _packed(layer, weight, bias):
    conv = layer.conv
    groups = 1 if conv.groups == 1 else weight.size(0)
    packed = PackedConv2d(
        weight.size(1) * groups,
        weight.size(0),
        conv.kernel_size,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=groups,
        device='meta',
    )
    packed.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    packed.bias = nn.Parameter(bias, requires_grad=False)
    packed.relu = layer.with_activation
    return packed.eval()
