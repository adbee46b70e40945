"""GhostNet and GhostNetV2 on packed maps, see :mod:`mmghost.deploy.packing`."""

from mmengine.model import ModuleList, Sequential
from torch import nn

from mmghost.layers import (
    DFCAttention,
    GhostBottleneck,
    GhostModule,
    GhostModuleV2,
    SqueezeExcite,
)

from .inference_conv import InferenceConv2d
from .packed_bottleneck import PackedBottleneck
from .packing import ghost_layouts, pack_conv, pack_pointwise

KNOWN = (
    DFCAttention,
    GhostBottleneck,
    GhostModule,
    GhostModuleV2,
    InferenceConv2d,
    ModuleList,
    Sequential,
    SqueezeExcite,
    nn.Identity,
    nn.Sequential,
)


def can_be_packed(backbone):
    """Tell whether a backbone has only what is known to stay the same on packed maps.

    That is Ghost modules of ratio 2 with ReLU and no attention but DFC attention, in the first one
    of a bottleneck, plain convolutions, their norms folded, and no hooks.

    Args:
        backbone (GhostNet): A backbone in deploy form.
    """
    parts = list(backbone.modules())[1:]
    blocks = [part for part in parts if isinstance(part, GhostBottleneck)]
    convs = [part for part in parts if isinstance(part, InferenceConv2d)]
    return (
        bool(blocks)
        and all(type(part) in KNOWN and 'forward' not in vars(part) for part in parts)
        and all(map(_block_can_be_packed, blocks))
        and all(conv.padding_mode == 'zeros' for conv in convs)
        and not any(part._forward_hooks or part._forward_pre_hooks for part in parts)
    )


def _block_can_be_packed(block):
    return not hasattr(block.ghost2, 'attention') and all(
        module.out_channels == 2 * module.primary_conv.conv.out_channels
        for module in (block.ghost1, block.ghost2)
    )


def pack_backbone(backbone, target):
    """Rewrite a backbone whose norms are folded, in place.

    Args:
        backbone (GhostNet): A backbone that :func:`can_be_packed`.
        target (Target): What the runtime likes.

    Returns:
        list[list[int]]: The layout of every stage's output.
    """
    stem = backbone.stem.conv
    layout = sum(ghost_layouts(-(-stem.out_channels // 2), stem.out_channels, target), [])
    backbone.stem.conv = pack_conv(stem, layout)
    layouts, stride = [], stem.stride[0]
    for index, stage in enumerate(backbone.stages):
        if isinstance(stage[0], GhostBottleneck):
            blocks = []
            for block in stage:
                blocks.append(PackedBottleneck(block, layout, stride, target))
                layout = blocks[-1].layout
                if not isinstance(block.depthwise, nn.Identity):
                    stride *= block.depthwise.conv.stride[0]
            backbone.stages[index] = nn.Sequential(*blocks)
        else:
            in_layout, layout = layout, list(range(stage.conv.out_channels))
            stage.conv = pack_pointwise(stage.conv, in_layout, layout)
        layouts.append(layout)
    return layouts
