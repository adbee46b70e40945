"""Batch norms folded into the convolutions before them."""

from collections import Counter

from mmcv.cnn import ConvModule
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from mmcv.cnn.bricks.wrappers import Conv2d
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from mmghost.utils import check_module

from .fusible_conv import FusibleConv2d

#: Convolutions that use their weights as they are
PLAIN = (nn.Conv2d, Conv2d, Conv2dAdaptivePadding, FusibleConv2d)


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
                _fold(conv, norm)
                parent._modules[norm_name] = nn.Identity()
    return model


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


def _fold(conv, norm):
    exact = [
        value if value is None else value.double()
        for value in (conv.weight, conv.bias, norm.running_mean, norm.running_var)
    ]
    weight, bias = fuse_conv_bn_weights(*exact, norm.eps, norm.weight, norm.bias)
    conv.weight, conv.bias = (nn.Parameter(value.to(conv.weight)) for value in (weight, bias))


def _has_hooks(*modules):
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)
