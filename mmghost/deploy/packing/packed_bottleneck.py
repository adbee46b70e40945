"""Ghost modules and bottlenecks on packed maps, see :mod:`.layouts`."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from mmghost.utils import are_static

from .gating import can_spread_gate, spread_gate
from .layouts import EMPTY, ghost_layouts, pack_depthwise, pack_pointwise


class PackedGhostModule(nn.Module):
    """A Ghost module that takes and gives maps in parts.

    Of what the runtime's blocks leave over of the halves, the mixed part, the primary convolution
    makes a copy for either half, which one depthwise convolution then passes on or makes a ghost
    of: no concatenation is needed within a block.

    Args:
        module (GhostModule): The module, with its norms folded and ReLU or no activation.
        in_layouts (list[list[int]]): Layout of each part of the input.
        target (Target): What the runtime likes.

    Attributes:
        layouts (list[list[int]]): Layout of each part of the output.

    Shape:
        A list of ``(N, len(in_layouts[i]), H, W)`` to a list of ``(N, len(layouts[i]), H, W)``.
    """

    def __init__(self, module, in_layouts, target):
        super().__init__()
        primary, cheap = module.primary_conv, module.cheap_operation
        count = primary.out_channels
        intrinsic, ghost, mixed = ghost_layouts(count, module.out_channels, target)
        self.layouts = [layout for layout in (intrinsic, ghost, mixed) if layout]
        source = [place if place < count else place - count for place in mixed]
        passed = [place for place, channel in enumerate(mixed) if 0 <= channel < count]
        self.primary = self.cheap = self.mixed_primary = self.mixed_cheap = None
        if intrinsic:
            self.primary = PackedPointwise(primary, in_layouts, intrinsic)
            self.cheap = pack_depthwise(cheap, _minus(ghost, count))
        if mixed:
            self.mixed_primary = PackedPointwise(primary, in_layouts, source)
            self.mixed_cheap = pack_depthwise(cheap, source, passed)

    def forward(self, in_parts):
        parts = []
        if self.primary is not None:
            intrinsic = self.primary(in_parts)
            parts += [intrinsic, self.cheap(intrinsic)]
        if self.mixed_primary is not None:
            parts.append(self.mixed_cheap(self.mixed_primary(in_parts)))
        return parts


class PackedPointwise(nn.Module):
    """A 1x1 convolution of a map in parts: one for each part, added up before the activation."""

    def __init__(self, layer, in_layouts, layout):
        super().__init__()
        self.convs = nn.ModuleList(pack_pointwise(layer, part, layout) for part in in_layouts)
        self.relu = len(in_layouts) > 1 and layer.with_activation
        if len(in_layouts) > 1:
            for packed in self.convs:
                packed.relu = False
            for packed in self.convs[1:]:
                packed.bias = None

    def forward(self, parts):
        out = self.convs[0](parts[0])
        for conv, part in zip(self.convs[1:], parts[1:]):
            out = out + conv(part)
        return F.relu(out) if self.relu else out


class PackedBottleneck(nn.Module):
    """A Ghost bottleneck on packed maps, in the operations that a runtime likes.

    Besides the packing, the concatenation of the first Ghost module's parts comes as late as is
    best: after the strided convolution where there is no attention; not at all on large maps. On
    maps of even size the factor of squeeze-and-excitation is multiplied with the coarse gate of
    DFC attention, from the mean of the 2x2 means that each of its values gates, rather than with
    the map.

    Args:
        block (GhostBottleneck): The bottleneck, with its norms folded.
        in_layout (list[int]): Layout of the input.
        in_stride (int): Stride of the input.
        target (Target): What the runtime likes.

    Attributes:
        layout (list[int]): Layout of the output.

    Shape:
        ``(N, len(in_layout), H, W)`` to ``(N, len(layout), H', W')``.
    """

    def __init__(self, block, in_layout, in_stride, target):
        super().__init__()
        self.target = target
        attended = hasattr(block.ghost1, 'attention')
        strided = not isinstance(block.depthwise, nn.Identity)
        squeezed = not isinstance(block.se, nn.Identity)
        stays_split = in_stride <= target.split_stride and not (
            attended and squeezed and not strided
        )
        self.ghost1 = PackedGhostModule(block.ghost1, [in_layout], target)
        expanded = sum(self.ghost1.layouts, [])
        self.concat_first = not stays_split and (attended or not strided)
        layouts = [expanded] if self.concat_first else self.ghost1.layouts
        self.attentions = self.depthwise = self.se = None
        if attended:
            self.attentions = nn.ModuleList(
                _pack_attention(block.ghost1.attention, in_layout, layout) for layout in layouts
            )
        if strided:
            self.depthwise = nn.ModuleList(
                pack_depthwise(block.depthwise, layout) for layout in layouts
            )
        if squeezed:
            self.se = PackedSqueeze(block.se, expanded)
        self.concat_last = not self.concat_first and (squeezed or not stays_split)
        if self.concat_last:
            layouts = [expanded]
        self.ghost2 = PackedGhostModule(block.ghost2, layouts, target)
        self.layout = sum(self.ghost2.layouts, [])
        if isinstance(block.shortcut, nn.Identity):
            self.shortcut = nn.Identity()
        else:
            self.shortcut = nn.Sequential(
                pack_depthwise(block.shortcut[0], in_layout),
                pack_pointwise(block.shortcut[1], in_layout, self.layout),
            )

    def forward(self, x):
        parts = self.ghost1([x])
        if self.concat_first:
            parts = [_concat(parts)]
        se = self.se
        if self.attentions is not None:
            parts, se = self._attend(parts, x)
        if self.depthwise is not None:
            parts = [conv(part) for conv, part in zip(self.depthwise, parts)]
        if self.concat_last:
            parts = [_concat(parts)]
        if se is not None:
            parts = [self.target.apply_scale(parts[0], se(_mean(parts[0])))]
        return _concat(self.ghost2(parts)) + self.shortcut(x)

    def _attend(self, parts, x):
        """Give the gated parts, and squeeze-and-excitation if it is still to be done."""
        se = self.se
        if not self.attentions[0].has_coarse_gate:
            return [part * attention(x) for part, attention in zip(parts, self.attentions)], se
        if self.target.spreads_gates and can_spread_gate(parts[0]):
            gates = [spread_gate(attention, x) for attention in self.attentions]
            return [part * gate for part, gate in zip(parts, gates)], se
        gates = [attention.coarse_gate(x) for attention in self.attentions]
        if se is not None and self.depthwise is None and _is_even(parts[0]):
            factor = se(_mean(F.avg_pool2d(parts[0], 2) * gates[0]))
            gates, se = [self.target.apply_scale(gates[0], factor)], None
        return [self.target.apply_gate(part, gate) for part, gate in zip(parts, gates)], se


class PackedSqueeze(nn.Module):
    """The factors of squeeze-and-excitation, ``(N, C, 1, 1)`` of the means to the same.

    The hard sigmoid's slope and offset are folded into the convolution before it.
    """

    def __init__(self, se, layout):
        super().__init__()
        squeezed = list(range(se.reduce.out_channels))
        self.reduce = pack_pointwise(se.reduce, layout, squeezed)
        self.expand = pack_pointwise(se.expand, squeezed, layout)
        self.expand.weight.div_(6)
        self.expand.bias.div_(6).add_(0.5)

    def forward(self, means):
        return self.expand(self.reduce(means)).clamp(0, 1)


def _pack_attention(attention, in_layout, layout):
    attention = copy.deepcopy(attention)
    attention.pointwise = pack_pointwise(attention.pointwise, in_layout, layout)
    attention.horizontal = pack_depthwise(attention.horizontal, layout)
    attention.vertical = pack_depthwise(attention.vertical, layout)
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
