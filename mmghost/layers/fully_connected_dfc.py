import torch
from mmengine.model import BaseModule
from torch import nn

from mmghost.utils import check_int, check_type, is_traced


class FullyConnectedDFC(BaseModule):
    """Equations 4 and 5 of DFC attention as written, for one size of input.

    GhostNetV2, Section 4.1. Every position has weights of its own, by channel: first along its
    column (Eq. 4), then along its row (Eq. 5), ``H^2 W + H W^2`` products for each channel. Where
    the positions share their weights, this is the pair of depthwise convolutions of
    :class:`DFCAttention`; :meth:`from_convolutions` makes that case.

    Args:
        channels (int): Channels of the input and the output.
        size (tuple[int, int]): H and W of the input.
        init_cfg (dict, optional): Initialization config. Defaults to None.

    Attributes:
        vertical (nn.Parameter): F^H, ``(channels, W, H, H)``: column, height out, height in.
        horizontal (nn.Parameter): F^W, ``(channels, H, W, W)``: row, width out, width in.

    Shape:
        ``(N, channels, H, W)`` to the same.

    Raises:
        TypeError, ValueError: If an argument is out of its range, or an input of another shape.
    """

    def __init__(self, channels, size, init_cfg=None):
        super().__init__(init_cfg)
        check_int('channels', channels, 1)
        check_type('size', size, (list, tuple), 'a pair of integers')
        if len(size) != 2:
            raise ValueError(f'size must be a pair of integers, but got {size!r}.')
        for length in size:
            check_int('each of size', length, 1)
        height, width = size
        self.shape = (channels, height, width)
        self.vertical = nn.Parameter(torch.randn(channels, width, height, height) / height**0.5)
        self.horizontal = nn.Parameter(torch.randn(channels, height, width, width) / width**0.5)

    @classmethod
    def from_convolutions(cls, vertical, horizontal, size):
        """Write two depthwise convolutions without bias as fully connected layers.

        Args:
            vertical (nn.Conv2d): Kx1, zero padding of K // 2 rows.
            horizontal (nn.Conv2d): 1xK, zero padding of K // 2 columns.
            size (tuple[int, int]): H and W of the input.

        Returns:
            FullyConnectedDFC: The same function on inputs of that size.
        """
        layer = cls(vertical.out_channels, size)
        height, width = size
        with torch.no_grad():
            layer.vertical.copy_(_band(vertical.weight.flatten(1), height).unsqueeze(1))
            layer.horizontal.copy_(_band(horizontal.weight.flatten(1), width).unsqueeze(1))
        return layer

    def forward(self, x):
        if not is_traced(x) and x.shape[1:] != self.shape:
            raise ValueError(
                f'the input must be (N, {", ".join(map(str, self.shape))}), '
                f'but is {tuple(x.shape)}.'
            )
        columns = torch.einsum('cwhk,nckw->nchw', self.vertical, x)
        return torch.einsum('chwk,nchk->nchw', self.horizontal, columns)


def _band(kernels, length):
    """Give the (C, length, length) matrices that correlate with (C, K) kernels, zero padded."""
    reach = kernels.shape[1] // 2
    index = torch.arange(length)
    tap = index[None, :] - index[:, None] + reach
    inside = (tap >= 0) & (tap < kernels.shape[1])
    return kernels[:, tap.clamp(0, kernels.shape[1] - 1)] * inside
