from functools import partial

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential
from torch import nn

from mmghost.utils import check_choice, check_flag, check_int, check_odd, is_traced

from .branched_conv import BranchedConv
from .ghost_module import GhostModule
from .ghost_module_v2 import GhostModuleV2
from .recompute import recompute
from .squeeze_excite import SqueezeExcite

ENHANCEMENTS = ('expressiveness', 'capacity', 'both')


class GhostBottleneck(BaseModule):
    """Inverted residual of two Ghost modules.

    GhostNet, Section 3.2 and Figure 3; with ``attention_cfg``, GhostNetV2, Section 4.2 and
    Figure 4(b): the first module, which makes the expanded features, has DFC attention.

    Args:
        in_channels (int): Channels of the input.
        mid_channels (int): Channels of the expanded features.
        out_channels (int): Channels of the output.
        kernel_size (int): Kernel of the strided depthwise convolution and of the shortcut's.
            Defaults to 3.
        stride (int): Stride, 1 or 2. Defaults to 1.
        dilation (int): Dilation of every spatial kernel. Defaults to 1.
        dilate (bool): Instead of taking the stride, dilate by it what comes after it (here the
            second Ghost module), which keeps the resolution. Defaults to False.
        with_se (bool): Squeeze-and-excitation on the expanded features. Defaults to False.
        attention_cfg (dict, optional): Config of the attention, see :class:`GhostModuleV2`.
            Defaults to None (none).
        enhance (str): The Ghost modules that have the attention (GhostNetV2, Table 8): the first
            for 'expressiveness', the second for 'capacity', or 'both'.
            Defaults to 'expressiveness'.
        with_cp (bool): Recompute the block in the backward pass to save memory.
            Defaults to False.
        conv_cfg, norm_cfg, act_cfg, num_branches, init_cfg: As in :class:`GhostModule`;
            ``num_branches`` is for the strided depthwise convolution too.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``,
        or with ``dilate`` to ``(N, out_channels, H, W)``.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
    """

    def __init__(
        self,
        in_channels,
        mid_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        dilation=1,
        dilate=False,
        with_se=False,
        attention_cfg=None,
        enhance='expressiveness',
        with_cp=False,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        num_branches=None,
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('mid_channels', mid_channels, 1)
        check_odd('kernel_size', kernel_size)
        check_int('stride', stride, 1, 2)
        check_int('dilation', dilation, 1)
        check_flag('dilate', dilate)
        check_flag('with_se', with_se)
        check_flag('with_cp', with_cp)
        check_choice('enhance', enhance, ENHANCEMENTS)
        self.with_cp = with_cp
        linear = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=None)
        strided = dict(
            kernel_size=kernel_size,
            stride=1 if dilate else stride,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            **linear,
        )
        dilation_after = dilation * stride if dilate else dilation

        def ghost_module(*channels, attended, **kwargs):
            if attention_cfg is None or enhance not in (attended, 'both'):
                return GhostModule(*channels, num_branches=num_branches, **kwargs)
            return GhostModuleV2(
                *channels, attention_cfg=attention_cfg, num_branches=num_branches, **kwargs
            )

        self.ghost1 = ghost_module(
            in_channels,
            mid_channels,
            attended='expressiveness',
            dilation=dilation,
            **dict(linear, act_cfg=act_cfg),
        )
        depthwise = (
            ConvModule if num_branches is None else partial(BranchedConv, num_branches=num_branches)
        )
        self.depthwise = (
            depthwise(mid_channels, mid_channels, groups=mid_channels, **strided)
            if stride > 1
            else nn.Identity()
        )
        self.se = (
            SqueezeExcite(mid_channels, conv_cfg=conv_cfg, act_cfg=act_cfg)
            if with_se
            else nn.Identity()
        )
        self.ghost2 = ghost_module(
            mid_channels, out_channels, attended='capacity', dilation=dilation_after, **linear
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and in_channels == out_channels
            else Sequential(
                ConvModule(in_channels, in_channels, groups=in_channels, **strided),
                ConvModule(in_channels, out_channels, 1, **linear),
            )
        )

    def _forward(self, x):
        return self.ghost2(self.se(self.depthwise(self.ghost1(x)))) + self.shortcut(x)

    def forward(self, x):
        if self.with_cp and not is_traced(x) and x.requires_grad:
            return recompute(self, self._forward, x)
        return self._forward(x)
