"""Deformable convolutions in operations that every runtime has."""

import torch
import torch.nn.functional as F
from torch import nn


def replace_deformable(model):
    """Replace a model's deformable convolutions, whose operator is mmcv's alone.

    Args:
        model (nn.Module): The model, changed in place.
    """
    from mmcv.ops import DeformConv2d, ModulatedDeformConv2d

    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, (DeformConv2d, ModulatedDeformConv2d)):
                setattr(parent, name, PlainDeformConv2d(child))
        if hasattr(parent, 'deform_sampling'):  # TOODHead's
            parent.deform_sampling = sample


class PlainDeformConv2d(nn.Module):
    """A deformable convolution of mmcv, sampled by ``grid_sample``."""

    def __init__(self, conv):
        super().__init__()
        self.conv = conv

    def forward(self, x, offset=None, mask=None):
        conv, bias = self.conv, getattr(self.conv, 'bias', None)
        if hasattr(conv, 'conv_offset'):  # it makes its own
            offset = conv.conv_offset(x)
            taps = 2 * conv.deform_groups * conv.kernel_size[0] * conv.kernel_size[1]
            if offset.shape[1] > taps:
                offset, mask = offset[:, :taps], offset[:, taps:].sigmoid()
        geometry = conv.stride, conv.padding, conv.dilation
        return deform_conv2d(
            x, offset, conv.weight, bias, mask, *geometry, conv.groups, conv.deform_groups
        )


def deform_conv2d(
    x, offset, weight, bias=None, mask=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1),
    groups=1, deform_groups=1,
):  # fmt: skip
    """Convolve a map at places that are moved.

    Args:
        x (Tensor): ``(N, C, H, W)``.
        offset (Tensor): Of every tap down and to the right, in pixels,
            ``(N, 2 * deform_groups * kernel height * kernel width, H', W')``.
        weight, bias, stride, padding, dilation, groups: As of a convolution, sizes in pairs.
        mask (Tensor, optional): What every tap is multiplied with, half as large as ``offset``.
        deform_groups (int): Groups of channels that are moved alike.

    Returns:
        Tensor: ``(N, C', H', W')``.
    """
    (n, _, height, width), (rows, columns) = x.shape, offset.shape[2:]
    taps = weight.shape[2] * weight.shape[3]
    offset = offset.reshape(n * deform_groups, taps, 2, rows, columns)
    tap = torch.arange(taps)
    places = []
    for axis, (count, index) in enumerate(
        ((rows, tap // weight.shape[3]), (columns, tap % weight.shape[3]))
    ):
        start = torch.arange(count) * stride[axis] - padding[axis]
        start = start.view(-1, 1) if axis == 0 else start
        place = start + (index * dilation[axis]).view(-1, 1, 1) + offset[:, :, axis]
        places.append((2 * place + 1) / (height, width)[axis] - 1)
    grid = torch.stack(places[::-1], -1).flatten(1, 2)
    sampled = F.grid_sample(
        x.reshape(n * deform_groups, -1, height, width), grid, align_corners=False
    )
    sampled = sampled.reshape(n, deform_groups, -1, taps, rows * columns)
    if mask is not None:
        sampled = sampled * mask.reshape(n, deform_groups, 1, taps, rows * columns)
    sampled = sampled.reshape(n, groups, -1, rows * columns)
    out = weight.reshape(groups, weight.shape[0] // groups, -1) @ sampled
    out = out.reshape(n, -1, rows, columns)
    return out if bias is None else out + bias.view(-1, 1, 1)


def sample(feat, offset):
    """Take every channel's values from places of its own, as TOODHead's ``deform_sampling``."""
    channels = feat.shape[1]
    weight = feat.new_ones(channels, 1, 1, 1)
    return deform_conv2d(feat, offset, weight, groups=channels, deform_groups=channels)
