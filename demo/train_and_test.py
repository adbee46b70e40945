"""What the demos have in common: training and testing through mim, and the speeds."""

from pathlib import Path
from statistics import median
from typing import NamedTuple

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmghost.utils import check_int

from .mim import config_for_mim, last_checkpoint, run_mim, test_metrics, training_log

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


class Outcome(NamedTuple):
    """What a run reached, and where it left things."""

    metrics: dict
    speeds: dict
    log: Path
    checkpoint: Path


def load_config(config_file, data_root=None, epochs=None, overrides=None):
    """Read a demo's config and the overrides that its options mean.

    Args:
        config_file (str | Path): The config.
        data_root (str | Path, optional): Folder of the data, the config's own by default.
        epochs (int, optional): Epochs, the config's own number by default.
        overrides (dict, optional): Further overrides. Defaults to None.

    Returns:
        tuple[Config, dict]: The overridden config, and the overrides as ``--cfg-options``.
    """
    if epochs is not None:
        check_int('epochs', epochs, 1)
    config = Config.fromfile(config_file)
    options = dict(overrides or {})
    if data_root is not None:
        options.update({f'{loader}.dataset.data_root': str(data_root) for loader in LOADERS})
    if epochs is not None:
        options['train_cfg.max_epochs'] = epochs
    config.merge_from_dict(options)
    init_default_scope(config.default_scope)
    return config, options


def train_and_test(package, config_file, config, work_dir, overrides):
    """Train, or go on with an interrupted training, and test, through mim.

    Args:
        package (str): The mm package as it is imported.
        config_file (str | Path): The config.
        config (Config): The same config, overridden.
        work_dir (str | Path): Where checkpoints and logs go.
        overrides (dict): The overrides, as ``--cfg-options``.

    Returns:
        Outcome: Metrics and speeds.
    """
    config_file = config_for_mim(package, config_file, work_dir)
    options = ('--work-dir', work_dir)
    # Without a value, which mmseg's tool does not take: from the newest checkpoint, if any
    run_mim(*('train', package, config_file, *options, '--resume'), cfg_options=overrides)
    log, iterations = training_log(work_dir)
    checkpoint = last_checkpoint(work_dir)
    run_mim(
        *('test', package, config_file, '--checkpoint', checkpoint, *options),
        cfg_options=overrides,
    )
    metrics = test_metrics(work_dir)
    speeds = {}
    if iterations:
        speed = config.train_dataloader.batch_size / median(row['time'] for row in iterations)
        speeds['training, images a second'] = f'{speed:.1f}'
    speed = config.test_dataloader.batch_size / metrics['time']
    speeds['testing, images a second'] = f'{speed:.1f}'
    return Outcome(metrics, speeds, log, checkpoint)
