"""Writing GhostNet weights as clean checkpoints."""

import os
from pathlib import Path

import torch

from mmghost.utils import check_choice, make_divisible
from mmghost.version import __version__

from .read_weights import read_weights, sha256
from .timm_layout import to_timm_layout

LAYOUTS = ('mmghost', 'timm')
_STEM_CHANNELS, _LAST_CHANNELS = 16, 160


def _widen_factor(backbone):
    """Find the width, in steps of 0.05, that the channels of a backbone's weights are of."""
    stem = backbone['stem.conv.weight'].shape[0]
    lasts = [
        value.shape[0]
        for key, value in backbone.items()
        if key == 'stages.4.0.shortcut.1.conv.weight'
    ]
    fitting = [
        step / 20
        for step in range(1, 101)
        if make_divisible(_STEM_CHANNELS * step / 20) == stem
        and (not lasts or make_divisible(_LAST_CHANNELS * step / 20) == lasts[0])
    ]
    # Of several that give the same channels, the one the papers would have: the fewest decimals
    return min(fitting, key=lambda width: (len(str(width)), abs(width - 1)), default=None)


def convert_checkpoint(source, out_file, layout='mmghost', prefix=None, ema=None):
    """Write weights of any known layout as a clean checkpoint.

    In mmghost's layout the names are those of an mmpretrain classifier (``backbone.``, and
    ``head.`` where the file has the classifier), and ``meta`` holds mmghost's version, the
    architecture, the width, the source's name and SHA-256, and whether the weights are averaged.
    In timm's layout the file holds the weights alone, as safetensors if its name ends so.

    Args:
        source, prefix, ema: As in :func:`mmghost.checkpoint.read_weights`.
        out_file (str | Path): The file to write; it appears whole or not at all.
        layout (str): 'mmghost' or 'timm'. Defaults to 'mmghost'.

    Returns:
        dict: The metadata.

    Raises:
        FileExistsError: If ``out_file`` exists.
        OSError, ValueError: As :func:`mmghost.checkpoint.read_weights`.
    """
    check_choice('layout', layout, LAYOUTS)
    out_file = Path(out_file)
    if out_file.exists():
        raise FileExistsError(f'{out_file} exists: give another name.')
    weights = read_weights(source, prefix, ema)
    attention = any('.attention.' in key for key in weights.backbone)
    meta = dict(
        mmghost_version=__version__,
        architecture='GhostNetV2' if attention else 'GhostNet',
        widen_factor=_widen_factor(weights.backbone),
        source=weights.path.name,
        source_sha256=sha256(weights.path),
        ema=weights.ema,
    )
    partial = out_file.with_name(f'.{out_file.name}.partial')
    out_file.parent.mkdir(parents=True, exist_ok=True)
    try:
        if layout == 'timm':
            content = {
                key: value.contiguous()
                for key, value in to_timm_layout(weights.backbone, weights.head).items()
            }
        else:
            content = dict(meta=meta, state_dict=weights.classifier)
        if layout == 'timm' and out_file.suffix == '.safetensors':
            from safetensors.torch import save_file

            save_file(content, partial)
        else:
            torch.save(content, partial)
        os.replace(partial, out_file)
    finally:
        partial.unlink(missing_ok=True)
    return meta
