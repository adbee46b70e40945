import torch
import torch.nn.functional as F
from torch import nn

#: Whether PyTorch has these libraries' convolutions with packed weights and an activation
HAS_ONEDNN = hasattr(torch.ops.mkldnn, '_convolution_pointwise')
HAS_XNNPACK = hasattr(torch.ops.prepacked, 'conv2d_clamp_run')


def is_plain_inference(x):
    """Tell whether PyTorch itself computes with ``x`` on a CPU, without gradients or autocast."""
    return (
        type(x) is torch.Tensor
        and x.is_cpu
        and not (
            torch.is_grad_enabled()
            or torch.is_autocast_enabled('cpu')
            or torch.compiler.is_compiling()
            or torch.jit.is_tracing()
        )
    )


class InferenceConv2d(nn.Conv2d):
    """A convolution with its activation that, on CPUs, keeps its weights in a library's layout.

    PyTorch's own convolution brings the weights to that layout in every call, and runs the
    activation over the output afterwards. The library is oneDNN; for one image in channels_last
    memory format on one thread XNNPACK, which costs less to call. Where neither can be used (with
    gradients, autocast, another device or type than float32, while the network is compiled or
    exported), it is PyTorch's own.

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
        # For any input; the libraries do not say what is wrong where there is none
        self._has_output = not isinstance(self.padding, str) and all(
            2 * pad >= dilation * (length - 1)
            for pad, dilation, length in zip(self.padding, self.dilation, self.kernel_size)
        )
        self._packed = {}

    def forward(self, x):
        weight, bias = self.weight, self.bias
        library = self._choose(x, weight, bias)
        if library is None:
            out = super().forward(x)
            return F.relu(out, inplace=True) if self.relu else out
        packed = self._pack(library, x, weight, bias)
        if library == 'xnnpack':
            return torch.ops.prepacked.conv2d_clamp_run(x, packed)
        return torch.ops.mkldnn._convolution_pointwise(
            x,
            packed,
            bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
            'relu' if self.relu else 'none',
            [],
            '',
        )

    def _choose(self, x, weight, bias):
        """Choose the library, None for PyTorch's own convolution."""
        if (
            not is_plain_inference(x)
            or not weight.is_cpu
            or not x.dtype == weight.dtype == torch.float32
            or weight.is_inference()
            or (bias is not None and bias.is_inference())
            or x.dim() != 4
            or x.size(1) != self.in_channels
            or x.numel() == 0
            or not self._has_output
        ):
            return None
        if (
            HAS_XNNPACK
            and x.size(0) == 1
            and torch.get_num_threads() == 1
            and x.is_contiguous(memory_format=torch.channels_last)
        ):
            return 'xnnpack'
        return 'onednn' if HAS_ONEDNN and torch.backends.mkldnn.enabled else None

    def _pack(self, library, x, weight, bias):
        version = (weight.data_ptr(), weight._version)
        if bias is not None:
            version += (bias.data_ptr(), bias._version)
        packed = self._packed.get(library)
        if packed is None or packed[0] != version:
            settings = self.stride, self.padding, self.dilation, self.groups
            if library == 'xnnpack':
                least = 0.0 if self.relu else None
                made = torch.ops.prepacked.conv2d_clamp_prepack(
                    weight, bias, *settings, least, None
                )
            else:
                stride, padding, dilation, groups = settings
                made = torch.ops.mkldnn._reorder_convolution_weight(
                    weight, padding, stride, dilation, groups, x.shape
                )
            packed = self._packed[library] = version, made
        return packed[1]

    def __getstate__(self):
        """Leave the packed weights out of copies and pickles."""
        return dict(self.__dict__, _packed={})

    def extra_repr(self):
        return f'{super().extra_repr()}, relu={self.relu}'
