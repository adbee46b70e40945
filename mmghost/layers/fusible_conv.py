import torch
import torch.nn.functional as F
from torch import nn

from mmghost.registry import MODELS

# torch 2.6 has none
_is_exporting = getattr(torch.compiler, 'is_exporting', lambda: False)


@MODELS.register_module()
class FusibleConv2d(nn.Conv2d):
    """A Conv2d that ``torch.compile`` fuses with its neighbours where it is depthwise.

    As it comes, and in exports, it is Conv2d. While ``torch.compile`` reads it, a depthwise
    convolution is a sum of shifted products, one for each element of the kernel, which become one
    kernel with activations, concatenations and gates around them. cuDNN's own kernels for 1x5 and
    5x1, DFC attention's, take half of the time of a compiled GhostNetV2.

    Where its weight is trained only kernels unlike in height and width are, since the gradients of
    the sums take minutes to compile.

    For ``conv_cfg=dict(type='mmghost.FusibleConv2d')``; arguments and shapes are those of Conv2d.
    """

    def forward(self, x):
        if not self._is_fused():
            return super().forward(x)
        padded = F.pad(x, [pad for pad in reversed(self.padding) for _ in range(2)])
        reach = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
        ends = [size - far for size, far in zip(padded.shape[-2:], reach)]
        out = 0 if self.bias is None else self.bias[:, None, None]
        for i in range(self.kernel_size[0]):
            for j in range(self.kernel_size[1]):
                rows, columns = (
                    slice(start, start + end, stride)
                    for start, end, stride in zip(
                        (i * self.dilation[0], j * self.dilation[1]), ends, self.stride
                    )
                )
                out = out + self.weight[:, 0, i, j, None, None] * padded[..., rows, columns]
        return out.to(x.dtype)

    def _is_fused(self):
        if not torch.compiler.is_compiling() or _is_exporting():
            return False
        trained = torch.is_grad_enabled() and self.weight.requires_grad
        depthwise = self.groups == self.in_channels == self.out_channels
        plain = self.padding_mode == 'zeros' and not isinstance(self.padding, str)
        return depthwise and plain and not (trained and len(set(self.kernel_size)) == 1)
