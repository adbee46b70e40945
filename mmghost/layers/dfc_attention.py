import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule

from mmghost.registry import MODELS
from mmghost.utils import are_static, check_choice, check_flag, check_int, check_odd

from .squeeze_excite import hard_sigmoid


def _halve_bilinearly(x, window):
    height, width = x.shape[-2:]
    size = (height // window[0], width // window[1])
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)


@torch.fx.wrap  # branches on sizes, which torch.fx cannot trace
def _pool(x, pool):
    window = [2 if side >= 2 else 1 for side in x.shape[-2:]]
    if 1 in window:
        # No change, but a graph of torch.jit, not right for larger maps, fails on them
        sides = [side if length == 2 else 1 for side, length in zip(x.shape[-2:], window)]
        x = x.reshape(*x.shape[:2], *sides)
    return POOLS[pool](x, window)


POOLS = dict(avg=F.avg_pool2d, max=F.max_pool2d, bilinear=_halve_bilinearly)
SCALES = dict(sigmoid=torch.sigmoid, hard_sigmoid=hard_sigmoid, clip=lambda x: x.clamp(0, 1))
UPSAMPLES = ('nearest', 'bilinear', 'bicubic')


@MODELS.register_module()
class DFCAttention(BaseModule):
    """Decoupled fully connected (DFC) attention: a gate for every position and channel.

    GhostNetV2, Section 4.1. The two fully connected layers along the height (Eq. 4) and the width
    (Eq. 5) are run as depthwise convolutions, which share weights between positions and take any
    input size. Section 4.2, "Feature downsampling": all of it runs at half the resolution.

    The computation is that of the released weights: 2x2 average pooling with stride 2 (a last odd
    row or column is dropped), a 1x1 convolution, 1xK along the width, Kx1 along the height, a batch
    norm after each, the sigmoid, and nearest upsampling. The paper's text differs: it upsamples
    bilinearly (Section 4.2), pools by the maximum (Section 5.4), goes along the height first
    (Eq. 4), and has K by stage, 9, 7 and 5, as the best of Table 6 where the weights have 5
    throughout.

    A map that is one pixel high or wide is not pooled in that direction.

    With ``dilation`` d, the d x d maps that take every d-th row and column are attended one by one,
    which dilates all of it, the pooling and the upsampling too. The first of them, on the grid that
    a stride of d would leave, so gets exactly the gate it gets without dilation. Where H or W is
    no multiple of d, the last row or column is repeated for the maps that come out shorter.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the gate.
        kernel_size (int): K, odd. Defaults to 5.
        dilation (int): Distance, in pixels, of what counts as neighbours. Defaults to 1.
        pool (str): Downsampling, 'avg', 'max' or 'bilinear' (Table 10). Defaults to 'avg'.
        upsample (str): Upsampling, 'nearest', 'bilinear' or 'bicubic' (Table 10).
            Defaults to 'nearest'.
        scale (str): Scaling to the gate's range, 'sigmoid', 'hard_sigmoid' or 'clip' (Table 9).
            Defaults to 'sigmoid'.
        scale_first (bool): Scale before the upsampling rather than after it (Table 9).
            Defaults to True.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the normalisation. Defaults to ``dict(type='BN')``.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``, values from 0 to 1 (bicubic
        upsampling after the scaling may overshoot).

    Raises:
        TypeError, ValueError: If a size is not an integer in its range.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=5,
        dilation=1,
        pool='avg',
        upsample='nearest',
        scale='sigmoid',
        scale_first=True,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('in_channels', in_channels, 1)
        check_int('out_channels', out_channels, 1)
        check_odd('kernel_size', kernel_size)
        check_int('dilation', dilation, 1)
        check_choice('pool', pool, tuple(POOLS))
        check_choice('upsample', upsample, UPSAMPLES)
        check_choice('scale', scale, tuple(SCALES))
        check_flag('scale_first', scale_first)
        self.dilation = dilation
        self.pool = pool
        self.upsample = upsample
        self.scale = scale
        self.scale_first = scale_first
        cfg = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=None)
        pad = kernel_size // 2
        self.pointwise = ConvModule(in_channels, out_channels, 1, **cfg)
        self.horizontal = ConvModule(
            out_channels,
            out_channels,
            (1, kernel_size),
            padding=(0, pad),
            groups=out_channels,
            **cfg,
        )
        self.vertical = ConvModule(
            out_channels,
            out_channels,
            (kernel_size, 1),
            padding=(pad, 0),
            groups=out_channels,
            **cfg,
        )

    @property
    def has_coarse_gate(self):
        """bool: Whether the gate is :meth:`coarse_gate` upsampled to the nearest."""
        return self.dilation == 1 and self.upsample == 'nearest' and self.scale_first

    def coarse_gate(self, x):
        """Give the gate before its upsampling, ``(N, out_channels, H // 2, W // 2)``."""
        return self.to_gate(self._mix(x))

    def downsample(self, x):
        """Give what is attended, ``(N, in_channels, H // 2, W // 2)``, of the input."""
        return _pool(x, self.pool)

    def to_gate(self, mixed):
        """Scale what was mixed along width and height to the gate's range."""
        return SCALES[self.scale](mixed)

    def _mix(self, x):
        return self.vertical(self.horizontal(self.pointwise(self.downsample(x))))

    def _gate(self, x):
        size = x.shape[-2:]
        if self.scale_first:
            return F.interpolate(self.coarse_gate(x), size=size, mode=self.upsample)
        return self.to_gate(F.interpolate(self._mix(x), size=size, mode=self.upsample))

    def forward(self, x):
        if self.dilation == 1:
            return self._gate(x)
        height, width = x.shape[-2:]
        gate = self._gate(_split_phases(x, self.dilation))
        return _join_phases(gate, self.dilation)[..., :height, :width]


def _split_phases(x, d):
    """Take every d-th row and column, from each start: (N, C, H, W) to (d * d * N, C, H/d, W/d)."""
    height, width = x.shape[-2:]
    if not are_static(height, width) or height % d or width % d:
        # Not -width % d, which inductor has no rule for where sizes differ from call to call
        right, below = ((side + d - 1) // d * d - side for side in (width, height))
        x = F.pad(x, (0, right, 0, below), mode='replicate')
    # Not by unflatten, whose sizes the older ONNX exporter takes for constants
    n, channels, height, width = (x.shape[axis] for axis in range(4))
    x = x.reshape(n, channels, height // d, d, width // d, d)
    return x.permute(3, 5, 0, 1, 2, 4).flatten(0, 2)


def _join_phases(phases, d):
    """Undo :func:`_split_phases`, but for its padding."""
    n, channels, rows, columns = (phases.shape[axis] for axis in range(4))
    x = phases.reshape(d, d, n // (d * d), channels, rows, columns)
    x = x.permute(2, 3, 4, 0, 5, 1)
    return x.flatten(4, 5).flatten(2, 3)
