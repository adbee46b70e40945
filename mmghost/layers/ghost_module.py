import math
from functools import partial

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule

from mmghost.utils import as_pair, check_int, check_layer_cfg, check_odd, check_type

from .branched_conv import BranchedConv


class GhostModule(BaseModule):
    """A convolution whose outputs are partly made by a cheap depthwise operation.

    A primary convolution makes ``m = ceil(out_channels / ratio)`` intrinsic maps (GhostNet,
    Section 3.1, Eq. 2); a depthwise convolution makes ``ratio - 1`` ghost maps of each (Eq. 3).
    Intrinsic and ghost maps are concatenated and cut to ``out_channels``. Kernel, stride, padding
    and dilation are those of the convolution it stands for, so the output has the same size.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int | tuple[int, int]): Kernel of the primary convolution. Defaults to 1.
        ratio (int): ``s`` of the paper, output maps per intrinsic map, at least 2. Defaults to 2.
        cheap_kernel_size (int): ``d`` of the paper, kernel of the cheap operation, odd.
            Defaults to 3.
        stride (int | tuple[int, int]): Stride of the primary convolution. Defaults to 1.
        dilation (int | tuple[int, int]): Dilation of both convolutions. Defaults to 1.
        padding (int | tuple[int, int], optional): Zeros around the input of the primary
            convolution. Defaults to None: as many as keep the size at stride 1, which takes an odd
            kernel.
        bias (bool | str): Whether both convolutions have a bias; 'auto' is where there is no
            norm. Defaults to 'auto'.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the normalisation after each convolution.
            Defaults to ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activation after each normalisation; None for
            the second Ghost module of a bottleneck. Defaults to ``dict(type='ReLU')``.
        num_branches (int, optional): Train both convolutions, the primary one 1x1 and ``ratio`` 2,
            as :class:`BranchedConv` of so many. Defaults to None, as single ones.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``;
        with ``padding``, to the size that Conv2d gives.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=1,
        ratio=2,
        cheap_kernel_size=3,
        stride=1,
        dilation=1,
        padding=None,
        bias='auto',
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        num_branches=None,
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('in_channels', in_channels, 1)
        check_int('out_channels', out_channels, 1)
        check_int('ratio', ratio, 2)
        check_odd('cheap_kernel_size', cheap_kernel_size)
        if bias != 'auto':
            check_type('bias', bias, bool, "True, False or 'auto'")
        check_layer_cfg('conv_cfg', conv_cfg)
        check_layer_cfg('norm_cfg', norm_cfg)
        check_layer_cfg('act_cfg', act_cfg)
        kernel_size = as_pair('kernel_size', kernel_size, 1)
        stride = as_pair('stride', stride, 1)
        dilation = as_pair('dilation', dilation, 1)
        if padding is not None:
            padding = as_pair('padding', padding, 0)
        elif any(size % 2 == 0 for size in kernel_size):
            raise ValueError(f'kernel_size must be odd without padding, but got {kernel_size}.')
        else:
            padding = tuple(d * (k // 2) for d, k in zip(dilation, kernel_size))

        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        intrinsic_channels = math.ceil(out_channels / ratio)
        cfg = dict(
            dilation=dilation, bias=bias, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        layer, skip = ConvModule, {}
        if num_branches is not None:
            layer, skip = partial(BranchedConv, num_branches=num_branches), dict(skip=True)
        self.primary_conv = layer(
            in_channels, intrinsic_channels, kernel_size, stride=stride, padding=padding, **cfg
        )
        self.cheap_operation = layer(
            intrinsic_channels,
            intrinsic_channels * (ratio - 1),
            cheap_kernel_size,
            padding=tuple(d * (cheap_kernel_size // 2) for d in dilation),
            groups=intrinsic_channels,
            **skip,
            **cfg,
        )

    @property
    def weight(self):
        """Parameter: The primary convolution's, for networks that ask a Conv2d for its device."""
        return self.primary_conv.conv.weight

    def halves(self, x):
        """Make the intrinsic and the ghost maps, together ``out_channels``."""
        intrinsic = self.primary_conv(x)
        ghost = self.cheap_operation(intrinsic)
        kept = self.out_channels - self.primary_conv.out_channels
        return intrinsic, ghost if kept == self.cheap_operation.out_channels else ghost[:, :kept]

    def forward(self, x):
        return torch.cat(self.halves(x), dim=1)
