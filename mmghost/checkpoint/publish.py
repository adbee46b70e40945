"""Trained checkpoints made fit to be given out, as OpenMMLab's model zoo has them."""

import hashlib
import io
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmghost.utils.configs import config_scope
from mmghost.utils.files import write_atomically
from mmghost.utils.inputs import check_input
from mmghost.version import __version__

from .read_weights import fetch, load_safely, named_sha256

_DIGITS = 8


def publish_checkpoint(config, checkpoint, out_dir, half=False):
    """Write the weights of a training checkpoint, named after the config and their SHA-256.

    The file is ``CONFIG-XXXXXXXX.pth`` with the first eight digits of its SHA-256, and holds what
    inference and evaluation need: the weights, the class names and the config. What a training
    would go on from is left out.

    Args:
        config (str | Path): The config of the checkpoint's model.
        checkpoint (str | Path): The checkpoint, as mmengine's runner writes it.
        out_dir (str | Path): The folder to write it to.
        half (bool): Keep weights of more than one dimension in half precision. Biases, and the
            weights and statistics of norms, stay as they are: they are a hundredth of a model,
            and a variance may be out of half precision's range. Defaults to False.

    Returns:
        Path: The file.

    Raises:
        FileExistsError: If it exists.
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the weights are not all of those of the config's model and no others, or
            the checkpoint lacks the names of the classes.
    """
    check_input(config)
    content = load_safely(fetch(checkpoint))
    meta = content.get('meta', {}) if isinstance(content, dict) else {}
    if not ('state_dict' in content and 'dataset_meta' in meta):
        raise ValueError(f'{checkpoint} is no checkpoint of a training with mmengine.')
    parsed = Config.fromfile(config)
    meta = dict(meta, cfg=parsed.pretty_text, mmghost_version=__version__)
    init_default_scope(config_scope(parsed))
    weights = content['state_dict']
    try:
        MODELS.build(parsed.model).load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise ValueError(f'{checkpoint} is not of the model of {config}: {reason}') from error
    if half:
        weights = {
            name: value.half() if value.is_floating_point() and value.ndim > 1 else value
            for name, value in weights.items()
        }
    file = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=weights), file)
    digits = hashlib.sha256(file.getvalue()).hexdigest()[:_DIGITS]
    out_file = Path(out_dir) / f'{Path(config).stem}-{digits}.pth'
    if out_file.exists():
        raise FileExistsError(f'{out_file} exists.')
    write_atomically(file.getvalue(), out_file)
    return out_file


def find_published(config, folder):
    """Find the published checkpoint of a config.

    Args:
        config (str | Path): The config.
        folder (str | Path): Where published checkpoints are.

    Returns:
        Path: The one that is named after the config.

    Raises:
        FileNotFoundError: If there is none, or no such config.
    """
    check_input(config)
    stem = Path(config).stem
    for path in sorted(Path(folder).glob('*.pth')):
        if path.stem == f'{stem}-{named_sha256(path)}':
            return path
    raise FileNotFoundError(f'no checkpoint comes with {stem}: give yours.')
