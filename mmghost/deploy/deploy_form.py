"""The form of a network for inference: the same function in fewer operations."""

from collections import OrderedDict
from inspect import signature

from mmcv.cnn import ConvModule, fuse_conv_bn
from torch import nn

from mmghost.utils import check_choice, check_module

from .inference_conv import InferenceConv2d
from .targets import TARGETS


def to_deploy_form(model, target='torch'):
    """Turn a model, in place, into its form for inference.

    Parts that know their own form, such as a backbone's, are switched to it. Of the rest, batch
    norms are folded into their convolutions, and mmcv's ConvModules become plain sequences of
    their convolution and activation, see :class:`InferenceConv2d`, whose weights keep their names;
    those with hooks or with another norm than batch norm stay. The function is that of the model in
    evaluation mode, but for rounding.

    Args:
        model (nn.Module): The model; it is set to evaluation mode.
        target (str): The runtime, for parts that ask for it; see
            :meth:`mmghost.backbones.GhostNet.switch_to_deploy`. Defaults to 'torch'.

    Returns:
        nn.Module: ``model``.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If there is no such target.
    """
    check_module('model', model)
    check_choice('target', target, tuple(TARGETS))
    model.eval()
    for part in list(model.modules()):
        switch = getattr(part, 'switch_to_deploy', None)
        if switch is not None:
            switch(target) if 'target' in signature(switch).parameters else switch()
    return fold_norms(model)


def fold_norms(model):
    """Fold batch norms and flatten ConvModules, see :func:`to_deploy_form`."""
    fuse_conv_bn(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, ConvModule) and _is_plain(child):
                parent._modules[name] = _sequence(child)
    return model


def _is_plain(module):
    return (
        not (module._forward_hooks or module._forward_pre_hooks)
        and isinstance(module.norm, (nn.Identity, type(None)))
        and not module.with_explicit_padding
        and module.order == ('conv', 'norm', 'act')
    )


def _sequence(module):
    conv, activate = module.conv, module.activate if module.with_activation else None
    fused = type(conv) is nn.Conv2d and conv.padding_mode == 'zeros'
    if fused:
        conv = InferenceConv2d(conv, relu=type(activate) is nn.ReLU)
    layers = OrderedDict(conv=conv)
    if activate is not None and not (fused and conv.relu):
        layers['activate'] = activate
    return nn.Sequential(layers)
