import math

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule

from mmghost.utils import check_int


class GhostModule(BaseModule):
    """A convolution whose outputs are partly made by a cheap depthwise operation.

    A primary convolution makes ``m = ceil(out_channels / ratio)`` intrinsic maps (GhostNet,
    Section 3.1, Eq. 2); a depthwise convolution makes ``ratio - 1`` ghost maps of each (Eq. 3).
    Intrinsic and ghost maps are concatenated and cut to ``out_channels``.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        kernel_size (int): Kernel of the primary convolution, odd. Defaults to 1.
        ratio (int): ``s`` of the paper, output maps per intrinsic map, at least 2. Defaults to 2.
        cheap_kernel_size (int): ``d`` of the paper, kernel of the cheap operation, odd.
            Defaults to 3.
        stride (int): Stride of the primary convolution. Defaults to 1.
        dilation (int): Dilation of both convolutions. Defaults to 1.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the normalisation after each convolution.
            Defaults to ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activation after each normalisation; None for
            the second Ghost module of a bottleneck. Defaults to ``dict(type='ReLU')``.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``.

    Raises:
        TypeError, ValueError: If a size is not an integer in its range.
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
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('in_channels', in_channels, 1)
        check_int('out_channels', out_channels, 1)
        check_int('ratio', ratio, 2)
        check_int('stride', stride, 1)
        check_int('dilation', dilation, 1)
        for name, size in (('kernel_size', kernel_size), ('cheap_kernel_size', cheap_kernel_size)):
            check_int(name, size, 1)
            if size % 2 == 0:
                raise ValueError(f'{name} must be odd, but got {size}.')
        self.out_channels = out_channels
        intrinsic_channels = math.ceil(out_channels / ratio)
        cfg = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.primary_conv = ConvModule(
            in_channels,
            intrinsic_channels,
            kernel_size,
            stride=stride,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            **cfg,
        )
        self.cheap_operation = ConvModule(
            intrinsic_channels,
            intrinsic_channels * (ratio - 1),
            cheap_kernel_size,
            padding=dilation * (cheap_kernel_size // 2),
            dilation=dilation,
            groups=intrinsic_channels,
            **cfg,
        )

    def forward(self, x):
        intrinsic = self.primary_conv(x)
        out = torch.cat((intrinsic, self.cheap_operation(intrinsic)), dim=1)
        return out if out.size(1) == self.out_channels else out[:, : self.out_channels]
