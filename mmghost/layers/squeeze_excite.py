import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule

from mmghost.registry import MODELS
from mmghost.utils import check_int, check_positive, make_divisible


def hard_sigmoid(x):
    """Give F.hardsigmoid's values by operations that have second derivatives."""
    return F.relu6(x + 3) / 6


@MODELS.register_module()
class SqueezeExcite(BaseModule):
    """Squeeze-and-excitation as GhostNet has it (Section 3.2, Table 1; Hu et al., CVPR 2018).

    Global mean, 1x1 convolution with bias to a quarter of the channels (rounded to a multiple of
    4), activation, 1x1 convolution with bias, hard sigmoid ``relu6(x + 3) / 6``, product.

    mmdet, mmseg and mmpretrain have an ``SELayer`` each; this one needs none of the three.

    Args:
        channels (int): Channels of the input and the output.
        squeeze_ratio (float): Squeezed channels per channel. Defaults to 0.25.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        act_cfg (dict, optional): Config of the activation between the convolutions.
            Defaults to ``dict(type='ReLU')``.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, channels, H, W)`` to the same.

    Raises:
        TypeError, ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        channels,
        squeeze_ratio=0.25,
        conv_cfg=None,
        act_cfg=dict(type='ReLU'),
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('channels', channels, 1)
        check_positive('squeeze_ratio', squeeze_ratio)
        squeezed = make_divisible(channels * squeeze_ratio)
        self.reduce = ConvModule(channels, squeezed, 1, conv_cfg=conv_cfg, act_cfg=act_cfg)
        self.expand = ConvModule(squeezed, channels, 1, conv_cfg=conv_cfg, act_cfg=None)

    def forward(self, x):
        squeezed = x.mean((2, 3), keepdim=True)
        return x * hard_sigmoid(self.expand(self.reduce(squeezed)))
