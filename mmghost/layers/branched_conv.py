import copy

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_activation_layer, build_norm_layer
from mmengine.model import BaseModule, ModuleList
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmghost.utils import as_pair, check_int, is_traced

from .conv_moments import (
    batch_moments,
    covariance_pays,
    depthwise_moments,
    pointwise_moments,
)
from .fold_norms import PLAIN

_AFFINE = 'weight', 'bias'


class BranchedConv(BaseModule):
    """A 1x1 or depthwise convolution, trained as a sum of branches that can be merged into one.

    GhostNetV3, Section 4.1. The branches are ``num_branches`` times the convolution; beside a
    larger kernel than 1x1 also a 1x1 convolution, the scale; and with ``skip`` the input itself. A
    norm follows each, and the activation their sum.

    If the norms are BatchNorm2d, what is computed is the one convolution that the sum amounts to
    with the batch's statistics, or with the running ones in evaluation mode, unless that is more
    work. Outputs, gradients and running statistics are those of the sum, but for rounding.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output, those of the input if it is depthwise.
        kernel_size (int | tuple[int, int]): Kernel, odd, and 1 unless it is depthwise.
        stride (int | tuple[int, int]): Stride. Defaults to 1.
        padding (int | tuple[int, int]): Zeros around the input, as many as keep the size at
            stride 1. Defaults to 0.
        dilation (int | tuple[int, int]): Dilation. Defaults to 1.
        groups (int): 1, or ``in_channels`` for a depthwise convolution. Defaults to 1.
        num_branches (int): How many convolutions there are of that kernel. Defaults to 3.
        skip (bool): Whether the input is a branch, which takes stride 1. Defaults to False.
        norm_cfg, act_cfg, init_cfg: As in :class:`GhostModule`.
        **kwargs: ``conv_cfg`` and ``bias`` of :class:`GhostModule`.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, ceil(H / stride), ceil(W / stride))``.

    Raises:
        TypeError, ValueError: If a size is of the wrong type or out of its range.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        num_branches=3,
        skip=False,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        init_cfg=None,
        **kwargs,
    ):
        super().__init__(init_cfg)
        check_int('num_branches', num_branches, 1)
        kernel_size, padding, dilation = (
            as_pair(name, value, low)
            for name, value, low in (
                ('kernel_size', kernel_size, 1),
                ('padding', padding, 0),
                ('dilation', dilation, 1),
            )
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.depthwise = groups == in_channels == out_channels
        if not self.depthwise and (groups, kernel_size) != (1, (1, 1)):
            raise ValueError(f'kernel_size must be 1 unless depthwise, but got {kernel_size}.')
        if padding != tuple(d * (k - 1) / 2 for d, k in zip(dilation, kernel_size)):
            raise ValueError(f'padding must keep the size, but got {padding}.')
        cfg = dict(
            kwargs, stride=stride, dilation=dilation, groups=groups, norm_cfg=norm_cfg, act_cfg=None
        )
        self.branches = ModuleList(
            ConvModule(in_channels, out_channels, kernel_size, padding=padding, **cfg)
            for _ in range(num_branches)
        )
        self.scale = self.skip = None
        if kernel_size != (1, 1):
            self.scale = ConvModule(in_channels, out_channels, 1, **cfg)
        if skip:
            self.skip = build_norm_layer(norm_cfg, out_channels)[1] if norm_cfg else nn.Identity()
        self.act_cfg = act_cfg
        self.activate = build_activation_layer(act_cfg) if act_cfg else nn.Identity()

    def forward(self, x):
        plain = all(type(norm) is nn.BatchNorm2d for norm in self._norms())
        if is_traced(x) or not (plain and x.numel() and self.can_merge()):
            return self.activate(sum(layer(x) for layer in self._layers()))
        conv, norm = self.branches[0].conv, self.branches[0].norm
        count = x[:, 0, :: conv.stride[0], :: conv.stride[1]].numel()
        if norm.training and count <= 1:
            norm(x)  # which says that of a single value there is no variance
        sizes = conv.in_channels, conv.out_channels, len(self.branches), count
        if norm.training and not self.depthwise and not covariance_pays(*sizes):
            return self.activate(self._norm_together(x, count))
        moments = self._batch_moments(x, count) if norm.training else self._running_moments()
        if not norm.training and x.device.type != 'mps':  # which has no double precision
            moments = [part.double() for part in moments]  # as merged() has them
        kernel, bias = self._merge(*moments)
        out = F.conv2d(x, kernel, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        return self.activate(out)

    def can_merge(self):
        """Tell whether the branches are plain convolutions with batch norms of one mode."""
        convs = [layer.conv for layer in self._layers() if layer is not self.skip]
        norms = self._norms()
        return all(
            type(conv) in PLAIN and 'weight' in conv._parameters and conv.bias is None
            for conv in convs
        ) and all(
            isinstance(norm, _BatchNorm)
            and norm.affine
            and norm.running_mean is not None
            and norm.training == norms[0].training
            for norm in norms
        )

    def merged(self):
        """Give the ConvModule that does what this layer does in evaluation mode."""
        conv = self.branches[0].conv
        layer = ConvModule(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            act_cfg=self.act_cfg,
        ).to(conv.weight)
        with torch.no_grad():
            exact = copy.deepcopy(self).double()
            kernel, bias = exact._merge(*exact._running_moments())
            layer.conv.weight.copy_(kernel)
            layer.conv.bias.copy_(bias)
        return layer.train(self.training)

    def _layers(self):
        return [layer for layer in (*self.branches, self.scale, self.skip) if layer is not None]

    def _norms(self):
        return [layer if layer is self.skip else layer.norm for layer in self._layers()]

    def _merge(self, means, variances):
        """Give kernel and bias of the sum, of each branch's moments before its norm."""
        norms = self._norms()
        factors = torch.stack([norm.weight for norm in norms])
        factors = factors * (variances + norms[0].eps).rsqrt()
        kernels = [layer.conv.weight for layer in self.branches]
        kernels += [_centre(weight, kernels[0]) for weight in self._center_weights()]
        kernel = (factors[..., None, None, None] * torch.stack(kernels)).sum(0)
        shifts = torch.stack([norm.bias for norm in norms])
        bias = (shifts - factors * means).sum(0)
        return kernel.to(kernels[0]), bias.to(kernels[0])

    def _center_weights(self):
        """Give the weights of the scale and the skip, ``(out_channels, 1, 1, 1)`` each."""
        weights = [] if self.scale is None else [self.scale.conv.weight]
        if self.skip is not None:
            weights.append(torch.ones_like(self.branches[0].conv.weight[..., :1, :1]))
        return weights

    def _running_moments(self):
        norms = self._norms()
        return (
            torch.stack([norm.running_mean for norm in norms]),
            torch.stack([norm.running_var for norm in norms]),
        )

    def _norm_together(self, x, count):
        """Sum 1x1 branches that are made by one convolution and one norm."""
        convs, norms = [layer.conv for layer in self.branches], self._norms()
        weight, bias = (torch.cat([getattr(norm, name) for norm in norms]) for name in _AFFINE)
        kernel = torch.cat([conv.weight for conv in convs])
        out = F.conv2d(x, kernel, None, convs[0].stride)
        shape = len(norms), -1
        means, variances = batch_moments(out.detach())
        self._track(means.view(shape), variances.view(shape) * (count / (count - 1)))
        out = F.batch_norm(out, None, None, weight, bias, True, 0.0, norms[0].eps)
        return sum(out.chunk(len(norms), 1))

    def _batch_moments(self, x, count):
        conv = self.branches[0].conv
        weights = torch.stack([layer.conv.weight for layer in self.branches])
        weights = weights.to(torch.promote_types(weights.dtype, torch.float))
        with torch.autocast(x.device.type, enabled=False):
            if self.depthwise:
                moments = depthwise_moments(x, weights, conv.stride, conv.padding, conv.dilation)
                centers = [weight.flatten() for weight in self._center_weights()]
                means, variances = (
                    torch.cat([part[1:], *(part[:1] * w**power for w in centers)])
                    for power, part in enumerate(moments, 1)
                )
            else:
                x = x[..., :: conv.stride[0], :: conv.stride[1]]
                moments = pointwise_moments(x, weights.flatten(0, 1))
                means, variances = (part.unflatten(0, weights.shape[:2]) for part in moments)
        self._track(means.detach(), variances.detach() * (count / (count - 1)))
        return means, variances

    @torch.no_grad()
    def _track(self, means, variances):
        for norm, mean, var in zip(self._norms(), means, variances):
            norm.num_batches_tracked.add_(1)
            momentum = norm.momentum
            if momentum is None:
                momentum = 1 / norm.num_batches_tracked.item()
            norm.running_mean.lerp_(mean.to(norm.running_mean), momentum)
            norm.running_var.lerp_(var.to(norm.running_var), momentum)


def _centre(weight, like):
    """Put 1x1 kernels into the centre of larger ones."""
    height, width = like.shape[-2:]
    return F.pad(weight, [width // 2, width // 2, height // 2, height // 2])
