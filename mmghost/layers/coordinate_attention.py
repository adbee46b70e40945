import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule

from mmghost.registry import MODELS
from mmghost.utils import check_int


@MODELS.register_module()
class CoordinateAttention(BaseModule):
    """Coordinate attention (Hou et al., CVPR 2021, Section 3.2).

    The means of every row (Eq. 4) and of every column (Eq. 5) go through one 1x1 convolution that
    reduces the channels (Eq. 6); a 1x1 convolution for the rows and one for the columns, each
    with a sigmoid (Eq. 7 and 8), then give a factor to every row and to every column (Eq. 9).

    Args:
        channels (int): Channels of the input and the output.
        reduction (int): Channels per reduced channel. Defaults to 32.
        min_channels (int): The least number of reduced channels, 8 in the authors' code.
            Defaults to 8.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the norm layer after the reduction.
            Defaults to ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activation after the reduction.
            Defaults to ``dict(type='HSwish')``.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, channels, H, W)`` to the same, any H and W from 1.

    Raises:
        TypeError, ValueError: If a size is not an integer in its range.
    """

    def __init__(
        self,
        channels,
        reduction=32,
        min_channels=8,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='HSwish'),
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('channels', channels, 1)
        check_int('reduction', reduction, 1)
        check_int('min_channels', min_channels, 1)
        reduced = max(min_channels, channels // reduction)
        self.reduce = ConvModule(
            channels, reduced, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
        )
        self.rows = ConvModule(reduced, channels, 1, conv_cfg=conv_cfg, act_cfg=None)
        self.columns = ConvModule(reduced, channels, 1, conv_cfg=conv_cfg, act_cfg=None)

    def forward(self, x):
        height, width = x.shape[-2:]
        means = torch.cat((x.mean(3), x.mean(2)), dim=2).unsqueeze(3)
        rows, columns = self.reduce(means).split((height, width), dim=2)
        rows = self.rows(rows).sigmoid()
        columns = self.columns(columns.transpose(2, 3)).sigmoid()
        return x * rows * columns
