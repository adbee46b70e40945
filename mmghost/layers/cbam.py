import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, Sequential

from mmghost.registry import MODELS
from mmghost.utils import check_int, check_odd


@MODELS.register_module()
class CBAM(BaseModule):
    """Convolutional block attention module (CBAM; Woo et al., ECCV 2018, Section 3).

    First the channels, Eq. 3: one two-layer perceptron, run as 1x1 convolutions, sees the mean and
    the maximum of every channel; the sigmoid of the sum of both results is the factor. Then the
    positions, Eq. 4: a KxK convolution, with a norm layer as in the authors' code, sees the mean
    and the maximum over the channels; its sigmoid is the factor.

    Args:
        channels (int): Channels of the input and the output.
        reduction (int): Channels per channel of the perceptron's hidden layer, which has at
            least one. Defaults to 16.
        kernel_size (int): K, odd. Defaults to 7.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the norm layer after the KxK convolution.
            Defaults to ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activation inside the perceptron.
            Defaults to ``dict(type='ReLU')``.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, channels, H, W)`` to the same, any H and W from 1.

    Raises:
        TypeError, ValueError: If a size is not an integer in its range.
    """

    def __init__(
        self,
        channels,
        reduction=16,
        kernel_size=7,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('channels', channels, 1)
        check_int('reduction', reduction, 1)
        check_odd('kernel_size', kernel_size)
        hidden = max(1, channels // reduction)
        self.channel = Sequential(
            ConvModule(channels, hidden, 1, conv_cfg=conv_cfg, act_cfg=act_cfg),
            ConvModule(hidden, channels, 1, conv_cfg=conv_cfg, act_cfg=None),
        )
        self.spatial = ConvModule(
            2,
            1,
            kernel_size,
            padding=kernel_size // 2,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=None,
        )

    def forward(self, x):
        # Both in one call: a map of two rows, the means and the maxima
        pooled = torch.cat((x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)), dim=2)
        x = x * self.channel(pooled).sum(2, keepdim=True).sigmoid()
        pooled = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        return x * self.spatial(pooled).sigmoid()
