"""What an exported file says about itself."""

import json

import mmcv
import mmengine
import torch
from mmengine.registry import DATASETS

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
        logit, the ``threshold`` of its sigmoid; of a detector its ``thresholds``.
    """
    classes, palette = _classes(config, checkpoint_meta)
    described = dict(
        task=task,
        classes=classes,
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
        described['palette'] = palette
        described['threshold'] = model.decode_head.threshold
    if task == 'detection':
        described['thresholds'] = test_cfgs(model)[-1].to_dict()
    return json.loads(json.dumps(described, default=str))


def _classes(config, checkpoint_meta):
    """Find names and colours of the classes in the checkpoint, the config or its data set."""
    dataset = config.test_dataloader.dataset
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = dataset.type if isinstance(dataset.type, type) else registry.get(dataset.type)
    named = getattr(kind, 'METAINFO', None)
    for found in (checkpoint_meta.get('dataset_meta'), dataset.get('metainfo'), named):
        if found and found.get('classes'):
            return found['classes'], found.get('palette')
    return None, None
