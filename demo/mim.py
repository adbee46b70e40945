"""Training and testing as a user would: through mim, and what its runs leave behind."""

import json
import subprocess
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from mmghost.compat import ONEDL
from mmghost.engine import find_whole_checkpoint


def run_mim(command, package, config, *options, cfg_options=None):
    """Run ``mim train`` or ``mim test`` in a process of its own, its output passed on.

    Args:
        command (str): 'train' or 'test'.
        package (str): The mm package as it is imported, for example 'mmdet'.
        config (str | Path): The config file.
        *options (str): Further options.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.

    Raises:
        RuntimeError: If the command fails.
    """
    words = [command, MODULE2PACKAGE[package], str(config), *map(str, options)]
    if command == 'train':
        words += ['--gpus', '0']
    if cfg_options:
        words += ['--cfg-options', *(f'{key}={value}' for key, value in cfg_options.items())]
    print(f'\n$ mim {" ".join(words)}', flush=True)
    done = subprocess.run([sys.executable, '-W', 'ignore', '-m', 'mim', *words])
    if done.returncode:
        raise RuntimeError(f'mim {command} failed with exit status {done.returncode}.')


def config_for_mim(package, config_file, work_dir):
    """Return a config that mim can read, whole where it could not read the given one.

    OneDL's mmengine finds no ``_base_ = 'mmseg::...'`` unless mmghost has been imported.
    """
    if package != 'mmseg' or MODULE2PACKAGE['mmseg'] != ONEDL['mmseg']:
        return config_file
    whole = Path(work_dir) / 'whole_config' / Path(config_file).name
    whole.parent.mkdir(parents=True, exist_ok=True)
    Config.fromfile(config_file).dump(whole)
    return whole


def last_checkpoint(work_dir):
    """Return the newest whole checkpoint in ``work_dir``."""
    checkpoint = find_whole_checkpoint(work_dir)
    if checkpoint is None:
        raise RuntimeError(f'{work_dir} has no whole checkpoint.')
    return Path(checkpoint)


def _newest(work_dir, pattern):
    return max(Path(work_dir).glob(pattern), key=lambda path: path.stat().st_mtime)


def test_metrics(work_dir):
    """Return the metrics that the newest ``mim test`` into ``work_dir`` reported."""
    return json.loads(_newest(work_dir, '*/*.json').read_text())


def training_log(work_dir):
    """Return the newest training log of ``work_dir`` as (path, records of iterations)."""
    path = _newest(work_dir, '*/*.log')
    lines = _newest(work_dir, '*/vis_data/scalars.json').read_text().splitlines()
    return path, [record for record in map(json.loads, lines) if 'loss' in record]
