"""Ghost modules in place of the convolutions of any network."""

from fnmatch import fnmatchcase

from mmcv.cnn import Conv2d
from torch import nn

from mmghost.utils import check_int, check_module, check_type

from .ghost_module import GhostModule


def ghostify(model, ratio=2, cheap_kernel_size=3, norm_cfg=None, act_cfg=None, skip=()):
    """Replace the convolutions of a network by Ghost modules of the same geometry, in place.

    GhostNet, Section 3.1: the Ghost module is a plug-and-play component, with which Section 4.1
    compresses VGG-16, ResNet-56 and ResNet-50. Norm and activation that follow a convolution in
    the network follow the whole Ghost module, so by default it has none of its own.

    Weights are new ones: call this before ``init_weights`` and before loading a checkpoint.
    Training mode, device and dtype are those of each convolution, and a frozen convolution gives a
    frozen Ghost module.

    These convolutions stay: grouped and depthwise ones; subclasses of Conv2d, such as deformable
    ones; those with another padding mode than zeros, or with padding in words; those with forward
    pre-hooks, as spectral norm has; those with fewer outputs than ``ratio``; those of a Ghost
    module; what ``skip`` names.

    Args:
        model (nn.Module): The network.
        ratio (int): ``s`` of the paper, at least 2. Defaults to 2.
        cheap_kernel_size (int): ``d`` of the paper, odd. Defaults to 3.
        norm_cfg (dict, optional): Config of the norm after both convolutions of a Ghost module.
            Defaults to None.
        act_cfg (dict, optional): Config of the activation after both. Defaults to None.
        skip (Sequence[str]): Dotted names of modules, in which ``*`` and ``?`` stand for any
            characters and any character; they stay as they are, with all that is in them.
            Defaults to ().

    Returns:
        nn.Module: ``model``.

    Raises:
        TypeError: If ``model`` is not a module, or another argument of the wrong type.
        ValueError: If an argument is out of its range, a name in ``skip`` is that of no module,
            or no convolution can be replaced; the network is then as it was.
    """
    check_module('model', model)
    check_int('ratio', ratio, 2)
    check_type('skip', skip, (list, tuple), 'a list or tuple of names')
    kept = _kept_modules(model, skip)
    ghosts = {
        module: _ghost_of(module, ratio, cheap_kernel_size, norm_cfg, act_cfg)
        for module in model.modules()
        if module is not model and module not in kept and _is_replaceable(module, ratio)
    }
    if not ghosts:
        raise ValueError(
            f'the model, {type(model).__name__}, has no convolution to replace: an ungrouped '
            f'Conv2d with zero padding and at least {ratio} output channels, outside of '
            f'skip={skip!r}.'
        )
    for parent in list(model.modules()):
        for name, child in parent._modules.items():
            parent._modules[name] = ghosts.get(child, child)
    return model


def _kept_modules(model, skip):
    names = {name: module for name, module in model.named_modules(remove_duplicate=False) if name}
    kept = [module for module in model.modules() if isinstance(module, GhostModule)]
    for pattern in skip:
        check_type('each of skip', pattern, str, 'a name')
        found = [module for name, module in names.items() if fnmatchcase(name, pattern)]
        if not found:
            raise ValueError(f'skip names {pattern!r}, which {type(model).__name__} does not have.')
        kept += found
    return {part for module in kept for part in module.modules()}


def _is_replaceable(module, ratio):
    return (
        type(module) in (nn.Conv2d, Conv2d)
        and module.groups == 1
        and module.padding_mode == 'zeros'
        and not isinstance(module.padding, str)
        and not module._forward_pre_hooks
        and module.out_channels >= ratio
    )


def _ghost_of(conv, ratio, cheap_kernel_size, norm_cfg, act_cfg):
    ghost = GhostModule(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        ratio=ratio,
        cheap_kernel_size=cheap_kernel_size,
        stride=conv.stride,
        dilation=conv.dilation,
        padding=conv.padding,
        bias=conv.bias is not None,
        norm_cfg=norm_cfg,
        act_cfg=act_cfg,
    )
    return ghost.to(conv.weight).train(conv.training).requires_grad_(conv.weight.requires_grad)
