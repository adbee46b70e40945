import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import nn

from mmghost.registry import MODELS
from mmghost.utils import are_static, check_int


@MODELS.register_module()
class MobileViTAttention(BaseModule):
    """MobileViT's self-attention (Mehta and Rastegari, ICLR 2022, Section 3.1, Eq. 1).

    GhostNetV2, Section 3.2, puts it into GhostNet for comparison (Table 1). Of a MobileViT block
    this is the attention alone: the 1x1 convolution to ``embed_dims`` channels, unfolding to
    patches, one pre-norm multi-head self-attention with its shortcut, the final layer norm, folding
    and the 1x1 convolution back. The local 3x3 convolution, the feed-forward layers and the fusion
    with the block's input are left out, as GhostNet has convolutions of its own. The paper does not
    say where it is; on the output of the last bottleneck at each of the strides 8, 16 and 32, where
    MobileViT has its blocks, the projections bring GhostNet 1.0 from 141.2 M to 172.5 M
    multiply-adds (the paper: 172 M). The products of queries, keys and values, not in that figure,
    are 14.8 M more.

    A pixel attends to the pixels at the same place in the other patches. Where H or W is no
    multiple of the patch size, the map is resized bilinearly to the next one and back, as in the
    authors' code.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        embed_dims (int, optional): Channels that attend, a multiple of ``num_heads``.
            Defaults to None (``in_channels``).
        num_heads (int): Attention heads. Defaults to 4.
        patch_size (int): Height and width of a patch. Defaults to 2.
        dilation (int): Distance, in pixels, of what counts as neighbours, a factor on
            ``patch_size``: where H and W are multiples of the product, the maps that take every
            ``dilation``-th row and column attend one by one. Defaults to 1.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the norm layer after the last convolution.
            Defaults to ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activation at the end; ``dict(type='Sigmoid')``
            makes the output a gate, as :class:`GhostModuleV2` takes. Defaults to None.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``, any H and W from 1.

    Raises:
        TypeError, ValueError: If a size is not an integer in its range.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        embed_dims=None,
        num_heads=4,
        patch_size=2,
        dilation=1,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=None,
        init_cfg=None,
    ):
        super().__init__(init_cfg)
        check_int('in_channels', in_channels, 1)
        check_int('out_channels', out_channels, 1)
        embed_dims = in_channels if embed_dims is None else embed_dims
        check_int('embed_dims', embed_dims, 1)
        check_int('num_heads', num_heads, 1)
        check_int('patch_size', patch_size, 1)
        check_int('dilation', dilation, 1)
        if embed_dims % num_heads:
            raise ValueError(
                f'embed_dims must be a multiple of num_heads ({num_heads}), but got {embed_dims}.'
            )
        self.num_heads = num_heads
        self.step = patch_size * dilation
        self.reduce = ConvModule(in_channels, embed_dims, 1, conv_cfg=conv_cfg, act_cfg=None)
        self.norm = nn.LayerNorm(embed_dims)
        self.qkv = nn.Linear(embed_dims, 3 * embed_dims)
        self.project = nn.Linear(embed_dims, embed_dims)
        self.final_norm = nn.LayerNorm(embed_dims)
        self.expand = ConvModule(
            embed_dims, out_channels, 1, conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg
        )

    def _attend(self, tokens):
        """Attend along the second dimension of (B, L, embed_dims)."""
        count, length, width = (tokens.shape[axis] for axis in range(3))
        heads = self.qkv(tokens)
        heads = heads.reshape(count, length, 3, self.num_heads, width // self.num_heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind()
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.project(attended.transpose(1, 2).flatten(2))

    def forward(self, x):
        height, width = x.shape[-2:]
        step = self.step
        # Not by the negative, which ONNX rounds to 0
        whole = [(length + step - 1) // step * step for length in (height, width)]
        x = _resize(self.reduce(x), whole)
        # (N, C, H, W) to (N, step, step, rows, columns, C), then to (N * step^2, patches, C)
        rows, columns = x.shape[2] // step, x.shape[3] // step
        x = x.reshape(x.shape[0], x.shape[1], rows, step, columns, step)
        x = x.permute(0, 3, 5, 2, 4, 1)
        tokens = x.flatten(3, 4).flatten(0, 2)
        tokens = self.final_norm(tokens + self._attend(self.norm(tokens)))
        x = tokens.reshape(x.shape).permute(0, 5, 3, 1, 4, 2).flatten(4, 5).flatten(2, 3)
        return self.expand(_resize(x, (height, width)))


@torch.fx.wrap  # a branch on a size, which torch.fx cannot trace
def _resize(x, size):
    if are_static(*x.shape[-2:], *size) and tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size=size, mode='bilinear', align_corners=False)
