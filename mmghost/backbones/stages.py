"""GhostNet's stages (GhostNet, Section 3.2, Table 1), as the released weights have them."""

from typing import NamedTuple

STEM_CHANNELS = 16
FINAL_CHANNELS = 960


class Bottleneck(NamedTuple):
    """One Ghost bottleneck, its channels at ``widen_factor=1``."""

    kernel_size: int
    mid_channels: int
    out_channels: int
    with_se: bool
    stride: int


STAGES = (
    (Bottleneck(3, 16, 16, False, 1),),
    (
        Bottleneck(3, 48, 24, False, 2),
        Bottleneck(3, 72, 24, False, 1),
    ),
    (
        Bottleneck(5, 72, 40, True, 2),
        Bottleneck(5, 120, 40, True, 1),
    ),
    (
        Bottleneck(3, 240, 80, False, 2),
        Bottleneck(3, 200, 80, False, 1),
        Bottleneck(3, 184, 80, False, 1),
        Bottleneck(3, 184, 80, False, 1),
        Bottleneck(3, 480, 112, True, 1),
        Bottleneck(3, 672, 112, True, 1),
    ),
    (
        Bottleneck(5, 672, 160, True, 2),
        Bottleneck(5, 960, 160, False, 1),
        Bottleneck(5, 960, 160, True, 1),
        Bottleneck(5, 960, 160, False, 1),
        Bottleneck(5, 960, 160, True, 1),
    ),
)
