import torch
import torch.nn.functional as F
from torch import nn


class InferenceConv2d(nn.Conv2d):
    """A convolution with its activation that, on CPUs, keeps its weights in oneDNN's layout.

    PyTorch's own convolution brings the weights to that layout in every call, and runs the
    activation over the output afterwards. Where oneDNN cannot be used (with gradients, autocast,
    another device or type than float32, while the network is compiled or exported), it is PyTorch's
    own.

    Args:
        conv (nn.Conv2d): The convolution, whose parameters are shared.
        relu (bool): Whether ReLU follows.

    Shape:
        As Conv2d.
    """

    def __init__(self, conv, relu):
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            groups=conv.groups,
            device='meta',
        )
        self.weight = conv.weight
        self.bias = conv.bias
        self.relu = relu
        self._packed = None

    def forward(self, x):
        if self._can_use_onednn(x):
            return torch.ops.mkldnn._convolution_pointwise(
                x,
                self._packed_weight(x),
                self.bias,
                self.padding,
                self.stride,
                self.dilation,
                self.groups,
                'relu' if self.relu else 'none',
                [],
                '',
            )
        out = super().forward(x)
        return F.relu(out, inplace=True) if self.relu else out

    def _can_use_onednn(self, x):
        return not (
            torch.compiler.is_compiling()
            or torch.jit.is_tracing()
            or torch.is_grad_enabled()
            or torch.is_autocast_enabled('cpu')
            or self.weight.is_inference()
            or not torch.backends.mkldnn.enabled
            or not all(t.is_cpu and t.dtype == torch.float32 for t in (x, self.weight))
            or type(x) is not torch.Tensor
            or x.dim() != 4
            or x.numel() == 0
        ) and hasattr(torch.ops.mkldnn, '_convolution_pointwise')

    def _packed_weight(self, x):
        version = (self.weight.data_ptr(), self.weight._version)
        if self._packed is None or self._packed[0] != version:
            packed = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, self.stride, self.dilation, self.groups, x.shape
            )
            self._packed = version, packed
        return self._packed[1]

    def __getstate__(self):
        """Leave the packed weights out of copies and pickles."""
        return dict(self.__dict__, _packed=None)

    def extra_repr(self):
        return f'{super().extra_repr()}, relu={self.relu}'
