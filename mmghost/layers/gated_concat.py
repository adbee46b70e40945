import torch
import torch.nn.functional as F
from torch.autograd import Function

from mmghost.utils import is_traced


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
    if torch.compiler.is_compiling() or is_traced(intrinsic):
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
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx, intrinsic_change, ghost_change, gate_change):
        intrinsic, ghost, gate = ctx.saved_tensors
        change = torch.cat((intrinsic_change, ghost_change), dim=1) * _upsample(gate, intrinsic)
        return change + torch.cat((intrinsic, ghost), dim=1) * _upsample(gate_change, intrinsic)

    @staticmethod
    def vmap(info, dims, *parts):
        size = info.batch_size
        parts = [
            part.expand(size, *part.shape) if dim is None else part.movedim(dim, 0)
            for part, dim in zip(parts, dims)
        ]
        product = _GatedConcat.apply(*(part.flatten(0, 1) for part in parts))
        return product.unflatten(0, (size, -1)), 0

    @staticmethod
    def backward(ctx, grad):
        intrinsic, ghost, gate = ctx.saved_tensors
        sizes = intrinsic.size(1), ghost.size(1)
        grad_features = grad * _upsample(gate, intrinsic)
        grad_gate = [  # of each half, as vmap takes no product in place of their concatenation
            torch.ops.aten.upsample_nearest2d_backward(
                half * part, half.shape[-2:], (*half.shape[:2], *gate.shape[-2:])
            )
            for half, part in zip((intrinsic, ghost), grad.split(sizes, dim=1))
        ]
        return *grad_features.split(sizes, dim=1), torch.cat(grad_gate, dim=1)
