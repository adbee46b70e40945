"""Means and variances of convolutions' outputs, as batch norms after them would take them."""

import torch
import torch.nn.functional as F
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_MAP = (0, 2, 3)


# Multiply-adds that take as long as a norm of one value, measured on a CPU
_NORM = 90


def covariance_pays(c_in, c_out, num_branches, count):
    """Tell whether 1x1 branches are less work as one convolution with :func:`pointwise_moments`.

    Counted are a training step's multiply-adds, for ``count`` positions of the map in the batch;
    the other way is each branch's convolution and norm.
    """
    covariance = c_in * (2 * c_in + 3 * c_out) + 3 * num_branches * c_in**2 * c_out / count
    return covariance < num_branches * c_out * (3 * c_in + _NORM)


def pointwise_moments(x, weight):
    """Take the moments of a 1x1 convolution's output, over batch and map.

    They follow from the inputs' covariance C: the variance of ``w . x`` is ``w C w``.

    Args:
        x (Tensor): ``(N, C_in, H, W)``.
        weight (Tensor): ``(C_out, C_in, 1, 1)``.

    Returns:
        tuple[Tensor, Tensor]: Means and biased variances, ``(C_out,)`` each.
    """
    mean, covariance = _Covariance.apply(x.to(weight.dtype))
    weight = weight.flatten(1)
    return weight @ mean, (weight @ covariance * weight).sum(1)


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
    return _DepthwiseMoments.apply(x, weights, stride, padding, dilation)


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


class _DepthwiseMoments(Function):
    """The convolutions' outputs are not kept, but made again for the gradients."""

    @staticmethod
    def forward(ctx, x, weights, stride, padding, dilation):
        ctx.conv = stride, padding, dilation, x.size(1)
        moments = [batch_moments(_subsample(x, stride))]
        for weight in weights.to(x.dtype):
            moments.append(batch_moments(F.conv2d(x, weight, None, *ctx.conv)))
        means, variances = map(torch.stack, zip(*moments))
        ctx.save_for_backward(x, weights, means)
        return means, variances

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_means, grad_variances):
        x, weights, means = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.conv
        sampled = _subsample(x, stride)
        count = sampled[:, 0].numel()
        factors = 2 / count * grad_variances
        shifts = grad_means / count - factors * means
        factors, shifts = (part[..., None, None].to(x.dtype) for part in (factors, shifts))
        grad_x, grad_weights = torch.zeros_like(x), []
        _subsample(grad_x, stride).add_(torch.addcmul(shifts[0], sampled, factors[0]))
        for weight, shift, factor in zip(weights.to(x.dtype), shifts[1:], factors[1:]):
            grad = torch.addcmul(shift, F.conv2d(x, weight, None, *ctx.conv), factor)
            one, grad_weight, _ = torch.ops.aten.convolution_backward(
                grad,
                x,
                weight,
                None,
                stride,
                padding,
                dilation,
                False,
                [0, 0],
                groups,
                [True, True, False],
            )
            grad_weights.append(grad_weight)
            grad_x.add_(one)
        return grad_x, torch.stack(grad_weights).to(weights.dtype), None, None, None


def batch_moments(x):
    """Take the means and biased variances of ``(N, C, H, W)``, ``(C,)`` each."""
    x = x.to(torch.promote_types(x.dtype, torch.float))
    return torch.batch_norm_update_stats(x, None, None, 0.0)


def _subsample(x, stride):
    return x[..., :: stride[0], :: stride[1]]
