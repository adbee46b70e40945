"""Models of configs at any width of their backbone."""

from pathlib import Path

import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope

from mmghost.utils.configs import SUFFIXES, config_scope
from mmghost.utils.whole_models import build_whole_model, load_config

#: What takes the maps of the backbone, unless a neck with channels does
HEADS = ('decode_head', 'auxiliary_head', 'bbox_head', 'rpn_head', 'head')


def is_config(name):
    """Tell whether a name is one of a config rather than of a network."""
    return '::' in name or Path(name).suffix in SUFFIXES


def build_at_width(name, width=1.0):
    """Build the model of a config, what takes the backbone's maps made to fit.

    Args:
        name (str): A file, or ``package::path`` for a config of an mm package.
        width (float): The backbone's ``widen_factor``; 1.0 leaves that of the config.
            Defaults to 1.0.

    Returns:
        WholeModel: The model.

    Raises:
        OSError, ValueError: If there is no such config, or its backbone has no width.
    """
    config = load_config(name)
    if width != 1.0:
        init_default_scope(config_scope(config))
        _widen(config.model, width)
    return build_whole_model(config)


def _widen(model, width):
    before = _channels(model.backbone)
    try:
        after = _channels(dict(model.backbone, widen_factor=width))
    except TypeError as error:
        raise ValueError(f'{model.backbone.type} has no width (widen_factor).') from error
    model.backbone.widen_factor = width
    fitting = dict(zip(before, after))
    necks = _parts(model, ('neck',))
    takers = [neck for neck in necks if 'in_channels' in neck] or _parts(model, HEADS)
    for part in takers:
        for key in ('in_channels', 'c1_in_channels'):
            if key in part:
                part[key] = _replace(part[key], fitting)


def _channels(backbone):
    built = revert_sync_batchnorm(MODELS.build(backbone))
    built.eval()  # which mm backbones do not return
    with torch.no_grad():
        outs = built(torch.zeros(1, backbone.get('in_channels', 3), 64, 64))
    return [out.shape[1] for out in outs]


def _parts(model, keys):
    values = [model[key] for key in keys if model.get(key)]
    return [part for value in values for part in (value if isinstance(value, list) else [value])]


def _replace(channels, fitting):
    if isinstance(channels, (list, tuple)):
        return [fitting.get(channel, channel) for channel in channels]
    return fitting.get(channels, channels)
