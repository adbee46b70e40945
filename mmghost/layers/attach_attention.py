import inspect
from functools import partial

from torch import nn

from mmghost.registry import MODELS
from mmghost.utils import check_choice, check_int, check_module, check_type

from .ghost_bottleneck import GhostBottleneck

PLACES = ('gate', 'expanded', 'output')


def attach_attention(model, attention_cfg, where='expanded', blocks=None):
    """Put an attention into the inverted residuals of a network that is already built.

    Forward hooks do it, so the network's own code stays as it is, freezing and checkpointing
    included, and so do the names of its weights: those published for it load as before. Each
    attention is a submodule ``attention`` of its inverted residual.

    Inverted residuals are those of MobileNetV2 in mmpretrain, mmdet and mmseg, those of
    MobileNetV3 and EfficientNet there, and :class:`GhostBottleneck`.

    =========  ======================================================================
    where      what the attention does
    =========  ======================================================================
    gate       sees the input of the expansion and multiplies its output, or that
               input where nothing is expanded (DFC attention: GhostNetV2, Eq. 6)
    expanded   reweights the expanded features, between the depthwise convolution
               and the projection (as squeeze-and-excitation in MobileNetV3)
    output     reweights the projection's output, before the shortcut is added
    =========  ======================================================================

    Args:
        model (nn.Module): The network; it is changed.
        attention_cfg (dict): Config of a registered module, without ``init_cfg``: that of the
            network is for the attentions too. The module gets ``in_channels`` and
            ``out_channels``, or, unless it is a gate, ``channels`` if it takes that.
        where (str): 'gate', 'expanded' or 'output'. Defaults to 'expanded'.
        blocks (Sequence[int], optional): Which inverted residuals get it, counted from 0 in the
            network's order. Defaults to None (all of them).

    Returns:
        nn.Module: ``model``.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range, or the
            network has no inverted residual, or has attentions there already.
    """
    check_module('model', model)
    check_type('attention_cfg', attention_cfg, dict, 'a dict')
    if 'init_cfg' in attention_cfg:
        raise ValueError("attention_cfg must be without init_cfg: the network's is used.")
    check_choice('where', where, PLACES)
    found = [block for block in model.modules() if _parts(block)]
    if not found:
        raise ValueError(
            f'model must have inverted residuals, but {type(model).__name__} has none.'
        )
    if blocks is None:
        blocks = range(len(found))
    check_type('blocks', blocks, (list, tuple, range), 'a sequence of integers or None')
    for index in blocks:
        check_int('each of blocks', index, 0, len(found) - 1)
        if hasattr(found[index], 'attention'):
            raise ValueError(f'blocks must be without an attention, but number {index} has one.')
    if len(set(blocks)) < len(blocks):
        raise ValueError(f'blocks must be different ones, but got {blocks!r}.')
    for index in blocks:
        _attach(found[index], attention_cfg, where)
    return model


def _parts(block):
    """Give an inverted residual's expansion (or None), what comes next, and its projection."""
    if isinstance(block, GhostBottleneck):
        return block.ghost1, block.depthwise, block.ghost2
    if hasattr(block, 'linear_conv'):
        return getattr(block, 'expand_conv', None), block.depthwise_conv, block.linear_conv
    layers = getattr(block, 'conv', None)
    if isinstance(layers, nn.Sequential) and len(layers) in (2, 3):
        return layers[0] if len(layers) == 3 else None, layers[-2], layers[-1]
    return None


def _attach(block, cfg, where):
    expansion, depthwise, projection = _parts(block)
    if where == 'gate':
        gated = expansion or depthwise
        attention = MODELS.build(
            dict(cfg, in_channels=_in_channels(gated), out_channels=gated.out_channels)
        )
        if expansion is None:
            depthwise.register_forward_pre_hook(partial(_gate_input, attention))
        else:
            expansion.register_forward_hook(partial(_gate_output, attention))
    elif where == 'expanded':
        attention = _build_reweighting(cfg, _in_channels(projection))
        projection.register_forward_pre_hook(partial(_reweight_input, attention))
    else:
        attention = _build_reweighting(cfg, projection.out_channels)
        projection.register_forward_hook(partial(_reweight_output, attention))
    block.attention = attention


def _in_channels(layer):
    return getattr(layer, 'primary_conv', layer).in_channels


def _build_reweighting(cfg, channels):
    kind = cfg.get('type')
    if isinstance(kind, str):
        with MODELS.switch_scope_and_registry(None) as registry:
            kind = registry.get(kind)
    if kind is not None and 'channels' in inspect.signature(kind).parameters:
        return MODELS.build(dict(cfg, channels=channels))
    return MODELS.build(dict(cfg, in_channels=channels, out_channels=channels))


def _gate_input(attention, layer, args):
    return args[0] * attention(args[0])


def _gate_output(attention, layer, args, output):
    return output * attention(args[0])


def _reweight_input(attention, layer, args):
    return attention(args[0])


def _reweight_output(attention, layer, args, output):
    return attention(output)
