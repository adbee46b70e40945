"""Whole detectors, segmentors and classifiers of configs, at any width of their backbone."""

import copy
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from .configs import SUFFIXES, config_scope
from .inputs import check_input

#: What takes the maps of the backbone, unless a neck with channels does
HEADS = ('decode_head', 'auxiliary_head', 'bbox_head', 'rpn_head', 'head')
#: Parts of models that ask for the sizes of images
ASKING = ('rpn_head', 'roi_head', 'encoder')


class WholeModel(nn.Module):
    """A model's raw outputs, before decoding, as a flat tuple of tensors.

    Two-stage detectors and transformers are told the sizes of the images, too, without which they
    do not run.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.takes_images_alone = not any(hasattr(model, part) for part in ASKING)

    def forward(self, x):
        samples = None if self.takes_images_alone else _describe(x)
        return tuple(_flatten(self.model(x, samples, mode='tensor')))


def _describe(images):
    from mmdet.structures import DetDataSample

    size = tuple(images.shape[2:])
    names = ('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape')
    meta = dict(dict.fromkeys(names, size), scale_factor=(1.0, 1.0))
    return [DetDataSample(metainfo=meta) for _ in images]


def _flatten(value):
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _flatten(item)


def is_config(name):
    """Tell whether a name is one of a config rather than of a network."""
    return '::' in name or Path(name).suffix in SUFFIXES


def build_whole_model(name, width=1.0):
    """Build the model of a config.

    Args:
        name (str | Config): A file, ``package::path`` for a config of an mm package, or a whole
            config.
        width (float): The backbone's ``widen_factor``; 1.0 leaves that of the config. What takes
            the backbone's maps is made to fit. Defaults to 1.0.

    Returns:
        WholeModel: The model.

    Raises:
        OSError, ValueError: If there is no such config, or its backbone has no width.
    """
    if isinstance(name, Config):
        config = copy.deepcopy(name)
    elif '::' in name:
        config = get_config(name)
    else:
        check_input(name, 'config file')
        config = Config.fromfile(name)
    init_default_scope(config_scope(config))
    if width != 1.0:
        _widen(config.model, width)
    return WholeModel(revert_sync_batchnorm(MODELS.build(config.model)))


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
