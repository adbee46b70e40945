"""Ways to multiply a map with a coarser one, upsampled to the nearest, that runtimes do fast.

A map of length n is pooled to n // 2 (to 1 where n is 1), which is what these undo.
"""

import torch
import torch.nn.functional as F

from mmghost.utils import are_static

#: The most often that a value is repeated by :func:`spread_gate`, which costs memory
MOST_REPEATED = 7


def interpolated_gate(features, gate):
    """Write the upsampling as one resize."""
    return features * F.interpolate(gate, size=features.shape[-2:], mode='nearest')


def broadcast_scale(features, scale):
    """Multiply every position by the same."""
    return features * scale


def blocked_gate(features, gate):
    """Write the upsampling for ONNX Runtime, which resizes blocked maps only by whole factors.

    Others become a product with a matrix of zeros and ones. A pooling by one, which is done in
    blocks, brings it back into them, so that the features need not leave them.
    """
    size = features.shape[-2:]
    if not are_static(*size) or _divide(gate.shape[-2:], size):
        return interpolated_gate(features, gate)
    rows, columns = (_nearest(*lengths) for lengths in zip(gate.shape[-2:], size))
    source = (rows[:, None] * gate.size(3) + columns).flatten()
    matrix = F.one_hot(source, gate.size(2) * gate.size(3)).T.to(gate)
    return features * F.avg_pool2d((gate.flatten(2) @ matrix).unflatten(2, size), 1)


def blocked_scale(features, scale):
    """Write squeeze-and-excitation's product for ONNX Runtime: it has no broadcast in blocks."""
    return interpolated_gate(features, scale)


def block_broadcast_gate(features, gate):
    """Write the upsampling for XNNPACK, which has no nearest resize.

    An even side is broadcast over blocks of two, an odd one repeated by a concatenation.
    """
    n, channels, height, width = features.shape
    rows = gate.permute(0, 2, 3, 1)
    for dim, size in ((2, width), (1, height)):
        if size != 2 * rows.size(dim):
            rows = _repeat(rows, dim, size)
    high, wide = rows.shape[1:3]
    blocks = features.permute(0, 2, 3, 1).reshape(
        n * high, height // high, wide, width // wide, channels
    )
    product = blocks * rows.reshape(n * high, 1, wide, 1, channels)
    return product.reshape(n, height, width, channels).permute(0, 3, 1, 2)


def can_spread_gate(features):
    """Tell whether :func:`spread_gate` is of use for features: small maps of odd size."""
    size = features.shape[-2:]
    if not are_static(*size) or _divide(map(_halve, size), size):
        return False
    return all(_spread(length)[0] <= MOST_REPEATED for length in size)


def spread_gate(attention, x):
    """Give DFC attention's gate in the size of its input, for ONNX Runtime.

    A depthwise convolution whose outputs would be upsampled n times gives them at once if its
    inputs are, by whole factors, and it is dilated as much and strided: all of it in blocks.

    Args:
        attention (DFCAttention): The attention, whose layers are plain convolutions.
        x (Tensor): Its input, ``(N, in_channels, H, W)``.

    Returns:
        Tensor: The gate, ``(N, out_channels, H, W)``.
    """
    height, width = x.shape[-2:]
    mixed = attention.pointwise(attention.downsample(x))
    mixed = _upsampled_conv(attention.horizontal, mixed, 1, width)
    return attention.to_gate(_upsampled_conv(attention.vertical, mixed, 0, height))


def _upsampled_conv(conv, x, axis, length):
    repeats, step = _spread(length)
    size, stride, dilation, pad = list(x.shape[-2:]), [1, 1], [1, 1], [0, 0, 0, 0]
    size[axis] *= repeats
    stride[axis], dilation[axis] = step, repeats
    before = repeats * conv.padding[axis]
    reach = (length - 1) * step + repeats * (conv.kernel_size[axis] - 1) + 1
    pad[2 * (1 - axis) : 4 - 2 * axis] = before, reach - before - size[axis]
    x = F.pad(F.interpolate(x, size=size, mode='nearest'), pad)
    return F.conv2d(x, conv.weight, conv.bias, stride, 0, dilation, conv.groups)


def _spread(length):
    """Give how often to repeat half a length, and the stride that then finds all of it.

    They are the least m and s for which the nearest to c is ``c * s // m``, for every c.
    """
    half = _halve(length)
    if length % half == 0:
        return length // half, 1
    return 2 * half - 1, half - 1


def _halve(length):
    return max(length // 2, 1)


def _divide(lengths, multiples):
    return all(multiple % length == 0 for length, multiple in zip(lengths, multiples))


def _nearest(length, size):
    """Give the source of each of ``size`` positions among ``length``."""
    return torch.arange(size) * length // size


def _repeat(x, dim, size):
    """Repeat a dimension to ``size``, twice its length and one more, as the nearest does."""
    if size == x.size(dim):
        return x
    doubled = torch.stack((x, x), dim + 1).flatten(dim, dim + 1)
    return torch.cat((x.narrow(dim, 0, 1), doubled), dim)
