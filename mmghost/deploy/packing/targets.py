"""What each runtime likes, found by measuring: see docs/performance.md."""

from collections.abc import Callable
from typing import NamedTuple

from . import gating


class Target(NamedTuple):
    """How a Ghost bottleneck is best written for a runtime."""

    #: Channels that the runtime keeps side by side; parts of a map are padded to multiples of it.
    block: int
    #: A Ghost module with at most so many outputs makes all of them in one depthwise convolution.
    joint_channels: int
    #: Up to this stride an expanded map stays in parts.
    split_stride: int
    #: Whether gates of small odd maps are better computed upsampled.
    spreads_gates: bool
    #: Multiplies features with a coarse gate, ``(N, C, H, W), (N, C, h, w) -> (N, C, H, W)``.
    apply_gate: Callable
    #: Multiplies features with squeeze-and-excitation's, ``(N, C, H, W), (N, C, 1, 1)``.
    apply_scale: Callable


TARGETS = {
    'onnxruntime': Target(16, 16, 8, True, gating.blocked_gate, gating.blocked_scale),
    'openvino': Target(16, 16, 0, False, gating.interpolated_gate, gating.broadcast_scale),
    # Concatenates by copying where sizes are not known
    'openvino-dynamic': Target(1, 16, 0, False, gating.interpolated_gate, gating.broadcast_scale),
    'litert': Target(1, 16, 32, False, gating.block_broadcast_gate, gating.broadcast_scale),
}
