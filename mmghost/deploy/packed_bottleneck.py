"""Ghost modules and bottlenecks on packed maps, see :mod:`mmghost.deploy.packing`."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from .gating import are_static
from .packing import EMPTY, ghost_layouts, pack_depthwise, pack_pointwise


class PackedGhostModule(nn.Module):
    """A Ghost module that gives its output in parts.

    Of what the runtime's blocks leave over of the halves, the mixed part, the primary convolution
    makes a copy for either half, which one depthwise convolution then passes on or makes a ghost
    of: no concatenation is needed within a block.

    Args:
        module (GhostModule): The module, with its norms folded and ReLU or no activation.
        in_layout (list[int]): Layout of the input.
        target (Target): What the runtime likes.

    Attributes:
        layouts (list[list[int]]): Layout of each part.

    Shape:
        ``(N, len(in_layout), H, W)`` to a list of ``(N, len(layouts[i]), H, W)``.
    """

    def __init__(self, module, in_layout, target):
        super().__init__()
        primary, cheap = module.primary_conv.conv, module.cheap_operation.conv
        count = primary.out_channels
        intrinsic, ghost, mixed = ghost_layouts(count, module.out_channels, target)
        self.layouts = [layout for layout in (intrinsic, ghost, mixed) if layout]
        source = [place if place < count else place - count for place in mixed]
        passed = [place for place, channel in enumerate(mixed) if 0 <= channel < count]
        self.primary = self.cheap = self.mixed_primary = self.mixed_cheap = None
        if intrinsic:
            self.primary = pack_pointwise(primary, in_layout, intrinsic)
            self.cheap = pack_depthwise(cheap, _minus(ghost, count))
        if mixed:
            self.mixed_primary = pack_pointwise(primary, in_layout, source)
            self.mixed_cheap = pack_depthwise(cheap, source, passed)

    def forward(self, x):
        parts = []
        if self.primary is not None:
            intrinsic = self.primary(x)
            parts += [intrinsic, self.cheap(intrinsic)]
        if self.mixed_primary is not None:
            parts.append(self.mixed_cheap(self.mixed_primary(x)))
        return parts


class PackedBottleneck(nn.Module):
    """A Ghost bottleneck on packed maps, in the operations that a runtime likes.

    Besides the packing, the concatenation comes after the strided convolution where there is no
    attention, and on maps of even size the factor of squeeze-and-excitation is multiplied with the
    coarse gate of DFC attention, from the mean of the 2x2 means that each of its values gates,
    rather than with the map.

    Args:
        block (GhostBottleneck): The bottleneck, with its norms folded.
        in_layout (list[int]): Layout of the input.
        target (Target): What the runtime likes.

    Attributes:
        layout (list[int]): Layout of the output.

    Shape:
        ``(N, len(in_layout), H, W)`` to ``(N, len(layout), H', W')``.
    """

    def __init__(self, block, in_layout, target):
        super().__init__()
        self.target = target
        self.ghost1 = PackedGhostModule(block.ghost1, in_layout, target)
        expanded = sum(self.ghost1.layouts, [])
        self.attention = None
        if hasattr(block.ghost1, 'attention'):
            self.attention = _pack_attention(block.ghost1.attention, in_layout, expanded)
        self.depthwise = None
        if not isinstance(block.depthwise, nn.Identity):
            layouts = [expanded] if self.attention is not None else self.ghost1.layouts
            self.depthwise = nn.ModuleList(
                pack_depthwise(block.depthwise.conv, layout) for layout in layouts
            )
        self.se = None
        if not isinstance(block.se, nn.Identity):
            self.se = PackedSqueeze(block.se, expanded)
        self.ghost2 = PackedGhostModule(block.ghost2, expanded, target)
        self.layout = sum(self.ghost2.layouts, [])
        if isinstance(block.shortcut, nn.Identity):
            self.shortcut = nn.Identity()
        else:
            self.shortcut = nn.Sequential(
                pack_depthwise(block.shortcut[0].conv, in_layout),
                pack_pointwise(block.shortcut[1].conv, in_layout, self.layout),
            )

    def forward(self, x):
        parts = self.ghost1(x)
        if self.attention is None and self.depthwise is not None:
            parts = [conv(part) for conv, part in zip(self.depthwise, parts)]
        y = _concat(parts)
        se = self.se
        if self.attention is not None:
            if not self.attention.has_coarse_gate:
                y = y * self.attention(x)
            else:
                gate = self.attention.coarse_gate(x)
                if se is not None and self.depthwise is None and _is_even(y):
                    factor = se(_mean(F.avg_pool2d(y, 2) * gate))
                    gate, se = self.target.apply_scale(gate, factor), None
                y = self.target.apply_gate(y, gate)
            if self.depthwise is not None:
                y = self.depthwise[0](y)
        if se is not None:
            y = self.target.apply_scale(y, se(_mean(y)))
        return _concat(self.ghost2(y)) + self.shortcut(x)


class PackedSqueeze(nn.Module):
    """The factors of squeeze-and-excitation, ``(N, C, 1, 1)`` of the means to the same."""

    def __init__(self, se, layout):
        super().__init__()
        squeezed = list(range(se.reduce.conv.out_channels))
        self.reduce = pack_pointwise(se.reduce.conv, layout, squeezed)
        self.expand = pack_pointwise(se.expand.conv, squeezed, layout)

    def forward(self, means):
        return F.hardsigmoid(self.expand(self.reduce(means)))


def _pack_attention(attention, in_layout, layout):
    attention = copy.deepcopy(attention)
    attention.pointwise.conv = pack_pointwise(attention.pointwise.conv, in_layout, layout)
    attention.horizontal.conv = pack_depthwise(attention.horizontal.conv, layout)
    attention.vertical.conv = pack_depthwise(attention.vertical.conv, layout)
    return attention


def _minus(layout, count):
    return [channel if channel == EMPTY else channel - count for channel in layout]


def _concat(parts):
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _is_even(x):
    height, width = x.shape[-2:]
    return are_static(height, width) and height % 2 == width % 2 == 0


def _mean(x):
    """Give the mean of each map, as a pooling where the size is known: runtimes keep layouts."""
    size = x.shape[-2:]
    return F.avg_pool2d(x, size) if are_static(*size) else x.mean((2, 3), keepdim=True)
