"""Dilated DFC attention without more than three dimensions, as ncnn has it."""

import torch
import torch.nn.functional as F
from torch import nn

from mmghost.layers import DFCAttention


def replace_dilated_attention(model):
    """Replace a model's dilated DFC attentions, their norms folded, by the same on one image.

    Args:
        model (nn.Module): The model, changed in place.
    """
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is DFCAttention and child.dilation > 1:
                setattr(parent, name, PhasedAttention(child))


class PhasedAttention(nn.Module):
    """A dilated DFC attention of which the maps of every d-th row and column are channels.

    Args:
        attention (DFCAttention): The attention, of dilation d, its norms folded; it is changed.

    Shape:
        As :class:`mmghost.layers.DFCAttention`.
    """

    def __init__(self, attention):
        super().__init__()
        self.attention = attention
        self.dilation, attention.dilation = attention.dilation, 1
        count = self.dilation**2
        self.to_phases = nn.ChannelShuffle(attention.pointwise.in_channels)
        self.to_channels = nn.ChannelShuffle(count)
        for layer in (attention.pointwise, attention.horizontal, attention.vertical):
            layer.conv = _repeat(layer.conv, count)

    def forward(self, x):
        height, width = x.shape[-2:]
        d = self.dilation
        for axis, length in ((-2, height), (-1, width)):
            last = x.narrow(axis, length - 1, 1)
            x = torch.cat([x, *[last] * (-length % d)], axis) if length % d else x
        gate = self.attention(self.to_phases(F.pixel_unshuffle(x, d)))
        return F.pixel_shuffle(self.to_channels(gate), d)[..., :height, :width]


def _repeat(conv, count):
    """Give a convolution that does the same with each of ``count`` groups of channels."""
    repeated = nn.Conv2d(
        conv.in_channels * count,
        conv.out_channels * count,
        conv.kernel_size,
        padding=conv.padding,
        groups=conv.groups * count,
    )
    with torch.no_grad():
        repeated.weight.copy_(conv.weight.repeat(count, 1, 1, 1))
        repeated.bias.copy_(conv.bias.repeat(count))
    return repeated
