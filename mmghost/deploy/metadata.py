"""What an exported file says about itself."""

import json

import mmcv
import mmengine
import torch

from mmghost.utils.configs import test_metainfo
from mmghost.version import __version__

from .detectors import test_cfgs


def describe(config, checkpoint_meta, model, task, model_input):
    """Say what a user of an exported file needs, as a dict that JSON can hold.

    Args:
        config (Config): The whole config.
        checkpoint_meta (dict): The checkpoint's ``meta``.
        model (nn.Module): The built model of the mm package.
        task (str): 'detection', 'segmentation' or 'classification'.
        model_input (ModelInput): The file's input.

    Returns:
        dict: ``task``, ``classes`` (None where unknown), ``preprocessing``, ``config``,
        ``versions``; of a segmentor its ``palette`` and, if it tells two classes apart by one
        logit, the ``threshold`` of its sigmoid; of a detector its ``thresholds``; of a classifier
        of several labels an image, ``threshold`` and, if that is None, ``topk``.
    """
    named = checkpoint_meta.get('dataset_meta') or {}
    if not named.get('classes'):
        named = test_metainfo(config)
    described = dict(
        task=task,
        classes=named.get('classes'),
        preprocessing=model_input.describe(),
        config=str(config.filename).rsplit('/', 1)[-1],
        versions=dict(
            mmghost=__version__,
            torch=torch.__version__,
            mmcv=mmcv.__version__,
            mmengine=mmengine.__version__,
        ),
    )
    if task == 'segmentation':
        described['palette'] = named.get('palette')
        described['threshold'] = model.decode_head.threshold
    if hasattr(model, 'head') and hasattr(model.head, 'thr'):
        described['threshold'], described['topk'] = model.head.thr, model.head.topk
    if task == 'detection':
        described['thresholds'] = test_cfgs(model)[-1].to_dict()
    return json.loads(json.dumps(described, default=_name))


def _name(value):
    """Name what a config in pure Python has for types, classes and functions."""
    return getattr(value, '__name__', str(value))
