from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

from .snapshot import Snapshot

#: Whether PyTorch has these libraries' convolutions with packed weights and an activation
HAS_ONEDNN = hasattr(torch.ops.mkldnn, '_convolution_pointwise')
HAS_XNNPACK = hasattr(torch.ops.prepacked, 'conv2d_clamp_run')


class RecordingMode(TorchDispatchMode):
    """A dispatch mode that is to see the operators of plain inference."""


def is_plain_inference(x):
    """Tell whether PyTorch itself computes with ``x`` on a CPU, and nothing but the outputs.

    That is without gradients of either direction, autocast, vmap and other function transforms,
    compilation, or modes that look at the operators, such as a counter of multiply-adds.
    """
    return (
        type(x) is torch.Tensor
        and x.is_cpu
        and not (
            torch.is_grad_enabled()
            or torch.is_autocast_enabled('cpu')
            or torch.compiler.is_compiling()
            or torch.jit.is_tracing()
            or forward_ad._current_level >= 0
            or torch._C._functorch.peek_interpreter_stack() is not None
        )
        and isinstance(_get_current_dispatch_mode(), (RecordingMode, type(None)))
    )


class Packed(NamedTuple):
    """Weights in a library's layout, and those that they were made of."""

    weights: object
    weight: Snapshot
    bias: Snapshot


class InferenceConv2d(nn.Conv2d):
    """A convolution with its activation that, on CPUs, keeps its weights in a library's layout.

    PyTorch's own convolution brings the weights to that layout in every call, and runs the
    activation over the output afterwards. The library is oneDNN; for one image in channels_last
    memory format on one thread XNNPACK, which costs less to call. Where neither can be used (with
    gradients, autocast, another device or type than float32, while the network is compiled or
    exported), it is PyTorch's own. oneDNN's ReLU makes zero of what is not a number.

    Weights that are replaced, or changed in place, are brought to that layout anew. Changes by way
    of ``.data``, of which PyTorch does not tell, are noticed once :meth:`train` or ``eval`` is
    called.

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
            padding_mode=conv.padding_mode,
            device='meta',
        )
        self.weight = conv.weight
        self.bias = conv.bias
        self.relu = relu
        self._is_known = self._pads_zeros() and self._has_output()
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

    def _pads_zeros(self):
        return self.padding_mode == 'zeros' and not isinstance(self.padding, str)

    def _has_output(self):
        """Tell whether there is one for any input; the libraries do not say where there is none."""
        return all(
            2 * pad >= dilation * (length - 1)
            for pad, dilation, length in zip(self.padding, self.dilation, self.kernel_size)
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
            or not self._is_known
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
        packed = self._packed.get(library)
        if packed is None or packed.weight.has_changed(weight) or packed.bias.has_changed(bias):
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
            packed = self._packed[library] = Packed(made, Snapshot(weight), Snapshot(bias))
        return packed.weights

    def train(self, mode=True):
        """Set the mode, and forget the packed weights."""
        self._packed = {}
        return super().train(mode)

    def __getstate__(self):
        """Leave the packed weights out of copies and pickles."""
        return dict(self.__dict__, _packed={})

    def extra_repr(self):
        return f'{super().extra_repr()}, relu={self.relu}'
