"""Means and variances of convolutions' outputs, as batch norms after them would take them."""

import torch
import torch.nn.functional as F
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_MAP = (0, 2, 3)


def pointwise_moments(x, weight):
    """Take the moments of a 1x1 convolution's output, over batch and map.

    Where that is less work, with its gradients, they follow from the inputs' covariance C: the
    variance of ``w . x`` is ``w C w``.

    Args:
        x (Tensor): ``(N, C_in, H, W)``.
        weight (Tensor): ``(C_out, C_in, 1, 1)``.

    Returns:
        tuple[Tensor, Tensor]: Means and biased variances, ``(C_out,)`` each.
    """
    c_out, c_in = weight.shape[:2]
    count = x[:, 0].numel()
    if c_in * (2 * count + 3 * c_out) < 3 * c_out * count:
        mean, covariance = _Covariance.apply(x.to(weight.dtype))
        weight = weight.flatten(1)
        return weight @ mean, (weight @ covariance * weight).sum(1)
    mean, var = _Moments.apply(x, weight[None], (1, 0, 1, 1), False)
    return mean[0], var[0]


def depthwise_moments(x, weights, stride, padding, dilation):
    """Take the moments of an input, and of depthwise convolutions of it, over batch and map.

    Args:
        x (Tensor): ``(N, C, H, W)``.
        weights (Tensor): ``(B, C, 1, k, l)``.
        stride, padding, dilation (tuple[int, int]): The convolutions'; the input is that of a 1x1
            convolution of this stride.

    Returns:
        tuple[Tensor, Tensor]: Means and biased variances, ``(1 + B, C)`` each.
    """
    return _Moments.apply(x, weights, (stride, padding, dilation, x.size(1)), True)


class _Covariance(Function):
    @staticmethod
    def forward(ctx, x):
        mean = x.mean(_MAP)
        centred = (x.permute(0, 2, 3, 1) - mean).flatten(0, 2)
        ctx.save_for_backward(x, mean)
        ctx.count = centred.size(0)
        return mean, centred.t() @ centred / ctx.count

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_mean, grad_covariance):
        x, mean = ctx.saved_tensors
        factor = (grad_covariance + grad_covariance.t()) / ctx.count
        return F.conv2d(x, factor[..., None, None], grad_mean / ctx.count - factor @ mean)


class _Moments(Function):
    """The convolutions' outputs are not kept, but for a 1x1 convolution's, which are few."""

    @staticmethod
    def forward(ctx, x, weights, conv, with_input):
        moments = []
        kept = []
        if with_input:
            moments.append(_moments(_subsample(x, conv), weights.dtype))
        for weight in weights.to(x.dtype):
            out = F.conv2d(x, weight, None, *conv)
            moments.append(_moments(out, weights.dtype))
            if not with_input:
                kept.append(out)
        means, variances = map(torch.stack, zip(*moments))
        ctx.save_for_backward(x, weights, means, *kept)
        ctx.conv, ctx.with_input = conv, with_input
        return means, variances

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_means, grad_variances):
        x, weights, means, *kept = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.conv
        sampled = _subsample(x, ctx.conv)
        count = sampled.numel() // sampled.size(1)
        factors = 2 / count * grad_variances
        shifts = grad_means / count - factors * means
        factors, shifts = (part[..., None, None].to(x.dtype) for part in (factors, shifts))
        grad_weights = []
        grad_x = None
        for index, weight in enumerate(weights.to(x.dtype)):
            out = kept[index] if kept else F.conv2d(x, weight, None, *ctx.conv)
            grad = torch.addcmul(
                shifts[index + ctx.with_input], out, factors[index + ctx.with_input]
            )
            one, grad_weight, _ = torch.ops.aten.convolution_backward(
                grad,
                x,
                weight,
                None,
                _pair(stride),
                _pair(padding),
                _pair(dilation),
                False,
                [0, 0],
                groups,
                [True, True, False],
            )
            grad_weights.append(grad_weight)
            grad_x = one if grad_x is None else grad_x.add_(one)
        if ctx.with_input:
            _subsample(grad_x, ctx.conv).add_(torch.addcmul(shifts[0], sampled, factors[0]))
        return grad_x, torch.stack(grad_weights).to(weights.dtype), None, None


def _moments(x, dtype):
    return torch.batch_norm_update_stats(x.to(dtype), None, None, 0.0)


def _subsample(x, conv):
    vertical, horizontal = _pair(conv[0])
    return x[..., ::vertical, ::horizontal]


def _pair(value):
    return [value, value] if isinstance(value, int) else list(value)
