"""Whole detectors, segmentors and classifiers of configs."""

from textwrap import shorten

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from .configs import config_scope
from .inputs import check_input

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


def load_config(name):
    """Load a config: a file, or ``package::path`` for one of an mm package.

    Raises:
        FileNotFoundError: If there is none.
    """
    if '::' in name:
        return get_config(name)
    check_input(name, 'config file')
    return Config.fromfile(name)


def build_whole_model(config):
    """Build the model of a config.

    Args:
        config (Config | str): The config, or what :func:`load_config` takes.

    Returns:
        WholeModel: The model.

    Raises:
        OSError, ValueError: If there is no such config, or it is for no package.
    """
    if isinstance(config, str):
        config = load_config(config)
    init_default_scope(config_scope(config))
    return WholeModel(revert_sync_batchnorm(MODELS.build(config.model)))


def check_size(whole, model, image):
    """Raise a ValueError, in one sentence, if a model does not run on an image.

    Args:
        whole (Callable): Takes the image.
        model (nn.Module): The model of an mm package that it runs.
        image (Tensor): The image.
    """
    maps = []
    handle = model.backbone.register_forward_hook(lambda *found: maps.extend(_flatten(found[2])))
    try:
        with torch.no_grad():
            whole(image)
    except (AssertionError, RuntimeError) as error:
        size = image.shape[2:]
        divisor = getattr(model.data_preprocessor, 'pad_size_divisor', 1)
        advice = 'its parts do not fit together'
        if any(side % divisor for side in size):
            advice = f'the sides must be multiples of {divisor}'
        elif maps:
            advice = f"its backbone's maps are {', '.join(_times(map.shape[1:]) for map in maps)}"
        reason = shorten(str(error) or type(error).__name__, 200)
        raise ValueError(
            f'the model takes no images of {_times(size)}: {advice} ({reason}).'
        ) from error
    finally:
        handle.remove()


def _times(lengths):
    return 'x'.join(map(str, lengths))
