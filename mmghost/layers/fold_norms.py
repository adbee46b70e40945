"""Batch norms folded into the convolutions before them."""

from collections import Counter

from mmcv.cnn import ConvModule
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from mmcv.cnn.bricks.wrappers import Conv2d
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmghost.utils import check_module, is_traced

from .fusible_conv import FusibleConv2d

#: Convolutions that use their weights as they are
PLAIN = (nn.Conv2d, Conv2d, Conv2dAdaptivePadding, FusibleConv2d)
_UNPADDED = tuple(conv for conv in PLAIN if conv is not Conv2dAdaptivePadding)


def fold_norms(model):
    """Fold batch norms into the convolutions before them, in place.

    A batch norm is folded where it surely follows a convolution: in a ConvModule by its order, and
    elsewhere where it is the next child of the same module; an identity takes its place, and the
    convolution gets a bias. What may use its weights otherwise stays as it is, and so do
    convolutions that several norms follow, norms without running statistics, and what has hooks.

    Args:
        model (nn.Module): The model, in evaluation mode.

    Returns:
        nn.Module: ``model``.

    Raises:
        TypeError: If ``model`` is not a module.
    """
    check_module('model', model)
    # A convolution may be in several modules, and a weight in several convolutions
    owners = Counter(
        id(child.weight)
        for parent in model.modules()
        for child in parent._modules.values()
        if isinstance(child, PLAIN)
    )
    for parent in model.modules():
        for conv_name, norm_name in _neighbours(parent):
            conv, norm = parent._modules[conv_name], parent._modules[norm_name]
            if _can_fold(conv, norm) and owners[id(conv.weight)] == 1:
                weight, bias = _folded(conv, norm)
                conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
                parent._modules[norm_name] = nn.Identity()
    return model


class FoldingConvModule(ConvModule):
    """A ConvModule that computes in evaluation mode what it will with its norm folded."""

    def forward(self, x, activate=True, norm=True):
        folds = norm and not (self.training or is_traced(x)) and x.device.type != 'mps'
        if not (folds and type(self.conv) in _UNPADDED and _can_fold(self.conv, self.norm)):
            return super().forward(x, activate, norm)
        x = self.conv._conv_forward(x, *_folded(self.conv, self.norm))
        return self.activate(x) if activate and self.with_activation else x


def _neighbours(parent):
    if isinstance(parent, ConvModule):
        follows = parent.with_norm and 'cn' in ''.join(part[0] for part in parent.order)
        # Which folds by itself, anew in every call
        by_itself = getattr(parent, 'efficient_conv_bn_eval_forward', None)
        return [('conv', parent.norm_name)] if follows and not by_itself else []
    names = list(parent._modules)
    return zip(names, names[1:])


def _can_fold(conv, norm):
    return (
        type(conv) in PLAIN
        and isinstance(norm, _BatchNorm)
        and norm.running_mean is not None
        and norm.num_features == conv.out_channels
        and 'weight' in conv._parameters  # rather than computed, as in spectral norm
        and not _has_hooks(conv, norm)
    )


def _folded(conv, norm):
    """Give the weight and the bias of a convolution into which a norm is folded.

    Unlike torch's fuse_conv_bn_weights, with the gradients of what they are made of.
    """
    factor = (norm.running_var.double() + norm.eps).rsqrt()
    if norm.affine:
        factor = factor * norm.weight
    bias = -factor * norm.running_mean
    if conv.bias is not None:
        bias = bias + factor * conv.bias
    if norm.affine:
        bias = bias + norm.bias
    weight = factor[:, None, None, None] * conv.weight
    return weight.to(conv.weight), bias.to(conv.weight)


def _has_hooks(*modules):
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)
