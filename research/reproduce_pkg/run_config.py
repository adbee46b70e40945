"""The config of a row, and of one run of it."""

import copy
import hashlib
import json
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hub import get_config

from mmghost.engine import make_resumable

from .data_sets import CONFIGS_ROOT, below_root

_HELD = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator', 'test_evaluator')


def read_config(row, configs):
    """Read the config of a row, with what the row changes in it.

    Args:
        row (Row): The row.
        configs (Path): The folder that configs are relative to; those of the mm packages are
            named ``package::path``.

    Returns:
        Config: The whole config.
    """
    named = row.config
    config = get_config(named) if '::' in named else Config.fromfile(configs / named)
    config.merge_from_dict(copy.deepcopy(row.options))
    return config


def content_of(config, processes):
    """Give a fingerprint of all that a config says, and of the number of processes.

    Returns:
        str: A SHA-256 in hexadecimal digits; another seed or another place of the data leaves it.
    """
    told = json.dumps([config.to_dict(), processes], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def batch_size(config, processes):
    """int: Images of one step of all processes."""
    return config.train_dataloader.batch_size * processes


def make_run_config(config, seed, data_root, launch, checkpoint=None):
    """Make the config of a run that can be resumed.

    Args:
        config (Config): The row's.
        seed (int): The seed.
        data_root (str | Path): Where the data is that configs have in ``data``.
        launch (Launch): With another number of processes than the config is for, the learning
            rate is scaled to their batch.
        checkpoint (Path, optional): Weights that the backbone begins with. Defaults to None.

    Returns:
        Config: A copy.
    """
    config = make_resumable(copy.deepcopy(config))
    config.randomness = dict(config.get('randomness') or {}, seed=seed)
    imports = config.get('custom_imports') or dict(imports=[])
    config.custom_imports = dict(imports, imports=sorted({*imports['imports'], 'mmghost'}))
    for name in _HELD:
        if config.get(name) is not None:
            config[name] = _moved(config[name], data_root)
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if base not in (None, batch_size(config, launch.processes)):
        config.auto_scale_lr.enable = True
    if launch.launcher == 'pytorch' and not torch.cuda.is_available():
        config.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    if checkpoint is not None:
        config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(checkpoint))
    return config


def _moved(node, data_root):
    """Put every path of the configs' root that a node holds below another root."""
    if isinstance(node, dict):
        return type(node)({key: _moved(value, data_root) for key, value in node.items()})
    if isinstance(node, (list, tuple)):
        return type(node)(_moved(item, data_root) for item in node)
    if isinstance(node, str) and Path(node).parts[:1] == (CONFIGS_ROOT,):
        ending = '/' if node.endswith('/') else ''
        return f'{below_root(node, data_root)}{ending}'
    return node
