"""Ways to multiply a map with a coarser one, upsampled to the nearest, that runtimes do fast.

A map of length n is pooled to n // 2 (to 1 where n is 1), which is what these undo.
"""

import torch
import torch.nn.functional as F


def interpolated_gate(features, gate):
    """Write the upsampling as one resize."""
    return features * F.interpolate(gate, size=features.shape[-2:], mode='nearest')


def broadcast_scale(features, scale):
    """Multiply every position by the same."""
    return features * scale


def blocked_gate(features, gate):
    """Write the upsampling for ONNX Runtime, which resizes blocked maps only by whole factors.

    Others become a product with a matrix of zeros and ones.
    """
    size = features.shape[-2:]
    if not are_static(*size) or _divide(gate.shape[-2:], size):
        return interpolated_gate(features, gate)
    rows, columns = (_nearest(*lengths) for lengths in zip(gate.shape[-2:], size))
    source = (rows[:, None] * gate.size(3) + columns).flatten()
    matrix = F.one_hot(source, gate.size(2) * gate.size(3)).T.to(gate)
    return features * (gate.flatten(2) @ matrix).unflatten(2, size)


def blocked_scale(features, scale):
    """Write squeeze-and-excitation's product for ONNX Runtime: it has no broadcast in blocks."""
    return interpolated_gate(features, scale)


def row_broadcast_gate(features, gate):
    """Write the upsampling for XNNPACK, which has no nearest resize.

    Columns are repeated by a concatenation, rows by broadcasting, both in long runs of memory.
    """
    n, channels, height, width = features.shape
    rows = gate.permute(0, 2, 3, 1)
    rows = _repeat(rows, 2, width)
    if height == 2 * gate.size(2):
        features = features.permute(0, 2, 3, 1).reshape(n, height // 2, 2, width * channels)
        product = features * rows.reshape(n, height // 2, 1, width * channels)
        return product.reshape(n, height, width, channels).permute(0, 3, 1, 2)
    return features * _repeat(rows, 1, height).permute(0, 3, 1, 2)


def are_static(*lengths):
    """Tell whether sizes are known while a network is exported."""
    return all(isinstance(length, int) for length in lengths)


def _divide(lengths, multiples):
    return all(multiple % length == 0 for length, multiple in zip(lengths, multiples))


def _nearest(length, size):
    """Give the source of each of ``size`` positions among ``length``."""
    return torch.arange(size) * length // size


def _repeat(x, dim, size):
    """Repeat a dimension to ``size``, twice its length or one more, as the nearest does."""
    length = x.size(dim)
    if size == length:
        return x
    doubled = torch.stack((x, x), dim + 1).flatten(dim, dim + 1)
    if size == 2 * length:
        return doubled
    return torch.cat((x.narrow(dim, 0, 1), doubled), dim)
