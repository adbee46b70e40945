"""The form of a network for inference: the same function in fewer operations."""

import copy

from torch import nn

from mmghost.layers import fold_norms
from mmghost.utils import check_choice, check_module

from .packing import TARGETS, PackedBackbone, can_be_packed
from .phased_attention import replace_dilated_attention


def to_deploy_form(model, target='torch'):
    """Give a model its form for inference.

    Parts that know their own form, such as a backbone's, are switched to it. Of the rest, batch
    norms are folded into their convolutions, see :func:`mmghost.layers.fold_norms`. For another
    runtime than PyTorch every GhostNet and GhostNetV2 is replaced by one on maps as the runtime
    likes them, see :class:`mmghost.deploy.packing.PackedBackbone`; one with parts that this does
    not have, such as another attention or activation, stays. For ncnn it stays too, but for
    dilated attention, see :class:`.phased_attention.PhasedAttention`.

    The function is that of the model in evaluation mode, but for rounding.

    Args:
        model (nn.Module): The model, changed in place and set to evaluation mode.
        target (str): 'torch', 'onnxruntime', 'openvino', 'openvino-dynamic' (for inputs of any
            size), 'litert' or 'ncnn'. Defaults to 'torch'.

    Returns:
        nn.Module: ``model``, or a new module if ``model`` itself is such a backbone.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If there is no such target.
    """
    check_module('model', model)
    check_choice('target', target, ('torch', 'ncnn', *TARGETS))
    model.eval()
    for part in list(model.modules()):
        if hasattr(part, 'switch_to_deploy'):
            part.switch_to_deploy()
    if target == 'ncnn':
        _copy_shared_convs(model)
    fold_norms(model)
    if target == 'ncnn':
        replace_dilated_attention(model)
    if target not in TARGETS:
        return model
    if can_be_packed(model):
        return PackedBackbone(model, TARGETS[target])
    for backbone in [part for part in model.modules() if can_be_packed(part)]:
        packed = PackedBackbone(backbone, TARGETS[target])
        for parent in model.modules():
            for name, child in parent._modules.items():
                if child is backbone:
                    parent._modules[name] = packed
    return model


def _copy_shared_convs(model):
    """Give every layer a convolution of its own, as pnnx converts none that several share."""
    seen = set()
    for parent in model.modules():
        for name, child in parent._modules.items():
            if isinstance(child, nn.Conv2d):
                if id(child) in seen:
                    parent._modules[name] = copy.deepcopy(child)
                seen.add(id(child))
