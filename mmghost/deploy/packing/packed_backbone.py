"""GhostNet and GhostNetV2 on packed maps, see :mod:`.layouts`."""

import torch
from mmcv.cnn import ConvModule
from mmengine.model import ModuleList, Sequential
from torch import nn

from mmghost.backbones import GhostNet
from mmghost.layers import (
    DFCAttention,
    FusibleConv2d,
    GhostBottleneck,
    GhostModule,
    GhostModuleV2,
    SqueezeExcite,
)

from .layouts import ghost_layouts, natural_order, pack_conv, pack_pointwise
from .packed_bottleneck import PackedBottleneck

KNOWN = (
    ConvModule,
    DFCAttention,
    GhostBottleneck,
    GhostModule,
    GhostModuleV2,
    ModuleList,
    Sequential,
    SqueezeExcite,
    nn.Identity,
)


def can_be_packed(module):
    """Tell whether a module is a backbone of which all is known to stay the same on packed maps.

    That is Ghost modules of ratio 2 with ReLU and no attention but DFC attention, in the first one
    of a bottleneck, plain convolutions, their norms folded, and no hooks.

    Args:
        module (nn.Module): Any module, its norms folded.
    """
    if not isinstance(module, GhostNet) or type(module).forward is not GhostNet.forward:
        return False
    layers = [part for part in module.modules() if isinstance(part, ConvModule)]
    blocks = [part for part in module.modules() if isinstance(part, GhostBottleneck)]
    inside = {part for layer in layers for part in layer.children()}
    return (
        all(type(part) in KNOWN for part in list(module.modules())[1:] if part not in inside)
        and not any(map(_is_changed, module.modules()))
        and all(map(_is_convolution, layers))
        and all(map(_has_halves, blocks))
    )


def _is_changed(part):
    return 'forward' in vars(part) or part._forward_hooks or part._forward_pre_hooks


def _is_convolution(layer):
    """Tell whether a layer is a convolution, and ReLU perhaps, alone."""
    return (
        type(layer.conv) in (nn.Conv2d, FusibleConv2d)
        and 'weight' in layer.conv._parameters  # rather than computed, as in spectral norm
        and layer.conv.padding_mode == 'zeros'
        and not layer.with_explicit_padding
        and isinstance(layer.norm, (nn.Identity, type(None)))
        and (not layer.with_activation or type(layer.activate) is nn.ReLU)
        and layer.order == ('conv', 'norm', 'act')
    )


def _has_halves(block):
    return not hasattr(block.ghost2, 'attention') and all(
        module.out_channels == 2 * module.primary_conv.out_channels
        for module in (block.ghost1, block.ghost2)
    )


class PackedBackbone(nn.Module):
    """A backbone for a runtime, with the function, and the outputs, of the one it is made of.

    Args:
        backbone (GhostNet): A backbone that :func:`can_be_packed`; it stays as it is.
        target (Target): What the runtime likes.

    Shape:
        As :class:`mmghost.backbones.GhostNet`.
    """

    def __init__(self, backbone, target):
        super().__init__()
        self.out_indices = backbone.out_indices
        stem = backbone.stem
        layout = sum(ghost_layouts(-(-stem.out_channels // 2), stem.out_channels, target), [])
        self.stem = pack_conv(stem, layout)
        self.stages = nn.ModuleList()
        # Where the channels of each output are
        self.runs = {}
        stride = stem.stride[0]
        for index, stage in enumerate(backbone.stages):
            if isinstance(stage, ConvModule):
                in_layout, layout = layout, list(range(stage.out_channels))
                self.stages.append(pack_pointwise(stage, in_layout, layout))
            else:
                blocks = nn.Sequential()
                for block in stage:
                    blocks.append(PackedBottleneck(block, layout, stride, target))
                    layout = blocks[-1].layout
                    if isinstance(block.depthwise, ConvModule):
                        stride *= block.depthwise.stride[0]
                self.stages.append(blocks)
            if index in self.out_indices:
                self.runs[index] = natural_order(layout)
        self.eval()

    def forward(self, x):
        x = self.stem(x)
        outs = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.out_indices:
                # Not by index_select, which OpenVINO 2026.4 merges wrongly with a 1x1 convolution
                parts = [x[:, run] for run in self.runs[index]]
                outs.append(torch.cat(parts, 1) if len(parts) > 1 else parts[0])
        return tuple(outs)
