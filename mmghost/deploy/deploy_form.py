"""The form of a network for inference: the same function in fewer operations."""

from inspect import signature

from mmghost.utils import check_choice, check_module

from .fold_norms import fold_norms
from .targets import TARGETS


def to_deploy_form(model, target='torch'):
    """Turn a model, in place, into its form for inference.

    Parts that know their own form, such as a backbone's, are switched to it. Of the rest, batch
    norms are folded into their convolutions, see :func:`fold_norms`. The function is that of the
    model in evaluation mode, but for rounding.

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
