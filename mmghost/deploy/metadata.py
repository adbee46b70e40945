"""What an exported file says about itself."""

import json

import mmcv
import mmengine
import torch
from mmengine.registry import DATASETS

from mmghost.version import __version__

from .read_config import test_transforms
from .whole_model.normalization import Normalization


def describe(config, checkpoint_meta, model, task, size, normalize_inside):
    """Say what a user of an exported file needs, as a dict that JSON can hold.

    Args:
        config (Config): The whole config.
        checkpoint_meta (dict): The checkpoint's ``meta``.
        model (nn.Module): The built model of the mm package.
        task (str): 'detection', 'segmentation' or 'classification'.
        size (tuple[int]): Height and width of the input.
        normalize_inside (bool): Whether the file normalises images by itself.

    Returns:
        dict: ``task``, ``classes`` (None where unknown), ``preprocessing``, ``config``,
        ``versions``; of a segmentor its ``palette`` and, if it tells two classes apart by one
        logit, the ``threshold`` of its sigmoid; of a detector its ``thresholds``.
    """
    classes, palette = _classes(config, checkpoint_meta)
    described = dict(
        task=task,
        classes=classes,
        preprocessing=_preprocessing(config, model, size, normalize_inside),
        config=str(config.filename).rsplit('/', 1)[-1],
        versions=dict(
            mmghost=__version__,
            torch=torch.__version__,
            mmcv=mmcv.__version__,
            mmengine=mmengine.__version__,
        ),
    )
    if task == 'segmentation':
        described['palette'] = palette
        described['threshold'] = model.decode_head.threshold
    if task == 'detection':
        described['thresholds'] = model.bbox_head.test_cfg.to_dict()
    return json.loads(json.dumps(described, default=str))


def input_channels(model):
    """Tell how many channels the images of a model have."""
    return next(weight for weight in model.backbone.parameters() if weight.ndim == 4).shape[1]


def _preprocessing(config, model, size, normalize_inside):
    swap, mean, std = Normalization.of(model.data_preprocessor)
    order = 'RGB' if swap and not normalize_inside else 'BGR'
    # What is padded is 0 after the normalisation
    pad = mean[::-1] if swap and len(mean) == 3 else mean
    return dict(
        input_size=size,
        transforms=test_transforms(config),
        channel_order=order if input_channels(model) == 3 else 'as loaded',
        normalized_inside=normalize_inside,
        mean=None if normalize_inside else mean,
        std=None if normalize_inside else std,
        pad=dict(
            where='right and bottom, after the normalization',
            divisor=getattr(model.data_preprocessor, 'pad_size_divisor', 1),
            value=pad if normalize_inside else [0.0] * len(mean),
        ),
    )


def _classes(config, checkpoint_meta):
    """Find names and colours of the classes in the checkpoint, the config or its data set."""
    dataset = config.test_dataloader.dataset
    for found in (
        checkpoint_meta.get('dataset_meta'),
        dataset.get('metainfo'),
        _class_meta(dataset),
    ):
        if found and found.get('classes'):
            return found['classes'], found.get('palette')
    return None, None


def _class_meta(dataset):
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = dataset.type if isinstance(dataset.type, type) else registry.get(dataset.type)
    return getattr(kind, 'METAINFO', None)
