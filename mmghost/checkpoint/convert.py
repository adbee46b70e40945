"""Writing GhostNet weights as clean checkpoints."""

import io
from pathlib import Path

import torch

from mmghost.utils import check_choice, make_divisible
from mmghost.utils.files import write_atomically
from mmghost.version import __version__

from .merge_weights import are_merged, merge_weights
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


def _bytes_of(content):
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def convert_checkpoint(source, out_file, layout='mmghost', prefix=None, ema=None, merge=False):
    """Write weights of any known layout as a clean checkpoint.

    In mmghost's layout the names are those of an mmpretrain classifier (``backbone.``, and
    ``head.`` where the file has the classifier), and ``meta`` holds mmghost's version, the
    architecture, the width, the source's name and SHA-256, and whether the weights are averaged.
    In timm's layout the file holds the weights alone, as safetensors if its name ends so.

    Args:
        source, prefix, ema: As in :func:`mmghost.checkpoint.read_weights`.
        out_file (str | Path): The file to write; it appears whole or not at all.
        layout (str): 'mmghost' or 'timm'. Defaults to 'mmghost'.
        merge (bool): Merge GhostNetV3's branches and fold the norms: the weights are then those of
            a GhostNetV2 with ``deploy=True``. Defaults to False.

    Returns:
        dict: The metadata.

    Raises:
        FileExistsError: If ``out_file`` exists.
        OSError, ValueError: As :func:`mmghost.checkpoint.read_weights`, and if timm, which has no
            network without norms, is to have merged weights.
    """
    check_choice('layout', layout, LAYOUTS)
    out_file = Path(out_file)
    if out_file.exists():
        raise FileExistsError(f'{out_file} exists: give another name.')
    weights = read_weights(source, prefix, ema)
    if merge:
        weights = weights._replace(backbone=merge_weights(weights.backbone))
    merged = are_merged(weights.backbone)
    if merged and layout == 'timm':
        raise ValueError("merged weights have no place in timm's layout: take layout mmghost.")
    kinds = {'.branches.': 'GhostNetV3', '.attention.': 'GhostNetV2', '': 'GhostNet'}
    architecture = next(
        name for part, name in kinds.items() if any(part in key for key in weights.backbone)
    )
    meta = dict(
        mmghost_version=__version__,
        architecture=architecture,
        widen_factor=_widen_factor(weights.backbone),
        source=weights.path.name,
        source_sha256=sha256(weights.path),
        ema=weights.ema,
        deploy=merged,
    )
    if layout == 'mmghost':
        content = _bytes_of(dict(meta=meta, state_dict=weights.classifier))
    else:
        renamed = to_timm_layout(weights.backbone, weights.head)
        renamed = {key: value.contiguous() for key, value in renamed.items()}
        if out_file.suffix == '.safetensors':
            from safetensors.torch import save

            content = save(renamed)
        else:
            content = _bytes_of(renamed)
    write_atomically(content, out_file)
    return meta
