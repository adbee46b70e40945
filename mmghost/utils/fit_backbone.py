"""A Ghost backbone put into a config in place of another, what takes its maps fitted to it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import shorten
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from yapf.yapflib.yapf_api import FormatCode as format_code

from .configs import config_scope
from .whole_models import build_whole_model, check_size, load_config

SIZE = 256
STYLE = '{based_on_style: pep8, column_limit: 100}'
OUTPUT_STRIDES = (32, 16, 8)
#: What Ghost weights take
PREPROCESSOR = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)


class Maps(NamedTuple):
    """A backbone's maps: strides in pixels, channels, and whether it dilates convolutions."""

    strides: list
    channels: list
    dilated: bool


class Fitted(NamedTuple):
    """A config's text and, where neither its model nor the old one runs here, the reason."""

    text: str
    not_run: str | None


def fit_backbone(name, backbone, checkpoint=None, folder='.'):
    """Write a config that is another with a Ghost backbone in it.

    The maps have the strides of the old backbone's: ``out_indices`` and ``output_stride`` are
    chosen for that, and the channels that the neck or the heads expect are replaced. The model of
    the new config is built, and run on an image of 256x256 pixels.

    Args:
        name (str): The config: a file, or ``package::path`` for one of an mm package.
        backbone (dict): Type and arguments of the new backbone, such as
            ``dict(type='mmghost.GhostNetV2', widen_factor=1.3)``.
        checkpoint (str, optional): Pretrained weights of it. With them norms and stages are frozen
            as the old backbone's are. Defaults to None.
        folder (str | Path): Where the new config will be. Defaults to '.'.

    Returns:
        Fitted: The new config's text.

    Raises:
        OSError: If there is no such config.
        ValueError: If it cannot be fitted; says why.
    """
    config = load_config(name)
    init_default_scope(config_scope(config))
    old_cfg = config.get('model', {}).get('backbone')
    if not isinstance(old_cfg, dict):
        raise ValueError(f'{name} has no model.backbone.')
    if not isinstance(old_cfg['type'], str):
        raise ValueError(f'{name} is in pure Python, which text does not inherit from.')
    if 'in_channels' in old_cfg:
        backbone = dict(backbone, in_channels=old_cfg.in_channels)
    old = _read_maps(old_cfg)
    new = {
        stride: _read_maps(dict(backbone, out_indices=(0, 1, 2, 3, 4, 5), output_stride=stride))
        for stride in OUTPUT_STRIDES
    }
    # A single map of a classifier is the last one, after the final convolution
    last = 5 if config_scope(config) == 'mmpretrain' else 4
    output_stride, out_indices = _choose(old, new, last)
    channels = [new[output_stride].channels[index] for index in out_indices]
    fitted = dict(backbone, out_indices=out_indices)
    if output_stride != OUTPUT_STRIDES[0]:
        fitted['output_stride'] = output_stride
    if (old_cfg.get('norm_cfg') or {}).get('type') == 'SyncBN':
        fitted['norm_cfg'] = old_cfg.norm_cfg.to_dict()
    if checkpoint is not None:
        fitted['init_cfg'] = dict(type='Pretrained', checkpoint=checkpoint)
        frozen = old_cfg.get('frozen_stages', -1)
        fitted.update(dict(norm_eval=True) if old_cfg.get('norm_eval') else {})
        fitted.update(dict(frozen_stages=frozen) if frozen > 0 else {})
    model = dict(
        backbone=dict(_delete_=True, **fitted), **_fit_parts(config.model, old.channels, channels)
    )
    if 'pretrained' in config.model:
        model['pretrained'] = None
    preprocessor = config.model.get('data_preprocessor')
    if preprocessor and preprocessor.get('mean') != PREPROCESSOR['mean']:
        model['data_preprocessor'] = PREPROCESSOR
    imports = (config.get('custom_imports') or {}).get('imports', [])
    imports = [*([imports] if isinstance(imports, str) else imports), 'mmghost']
    changes = f'custom_imports = {_source(dict(imports=imports))}\n\nmodel = {_source(model)}\n'
    not_run = _why_not(_read(os.path.abspath(name) if os.path.exists(name) else name, changes))
    if not_run and not _why_not(config):
        raise ValueError(f'{name} does not run with {backbone["type"]}: {not_run}')
    base = os.path.relpath(name, folder) if os.path.exists(name) else name
    return Fitted(format_code(f'_base_ = {base!r}\n{changes}', style_config=STYLE)[0], not_run)


def _read_maps(cfg):
    """Build a backbone and look at its maps."""
    backbone = MODELS.build({k: v for k, v in cfg.items() if k not in ('init_cfg', 'pretrained')})
    backbone.eval()  # which mm backbones do not return
    try:
        with torch.no_grad():
            maps = backbone(torch.randn(1, cfg.get('in_channels', 3), SIZE, SIZE))
    except (AssertionError, RuntimeError) as error:
        raise ValueError(f'{cfg["type"]} takes no images of {SIZE}x{SIZE}: {error}') from error
    kind = cfg['type']
    if not isinstance(maps, (list, tuple)):
        maps = [maps]
    if any(not isinstance(map, torch.Tensor) or map.ndim != 4 for map in maps):
        raise ValueError(f'the outputs of {kind} are no maps.')
    strides = [SIZE // map.size(-1) for map in maps]
    convs = (part for part in backbone.modules() if isinstance(part, nn.Conv2d))
    dilated = any(max(conv.dilation) > 1 for conv in convs)
    return Maps(strides, [map.size(1) for map in maps], dilated)


def _choose(old, new, last):
    """Choose output stride and out_indices: the deepest maps that have the strides."""
    order = OUTPUT_STRIDES[::-1] if old.dilated else OUTPUT_STRIDES
    for limit in (last, 5):
        for output_stride in order:
            chosen, index = [], limit
            for stride in reversed(old.strides):
                while index >= 0 and new[output_stride].strides[index] != stride:
                    index -= 1
                chosen.append(index)
                index -= 1
            if index >= -1:
                return output_stride, tuple(reversed(chosen))
    raise ValueError(
        f'the maps of its backbone have strides {old.strides}, which no out_indices have.'
    )


def _fit_parts(model, old, new):
    """Give the changes of the neck or, where it has no channels of the backbone's, of the heads."""
    parts = {k: v for k, v in model.items() if k not in ('backbone', 'data_preprocessor', 'neck')}
    heads = {key: found for key, value in parts.items() if (found := _fit(value, old, new))}
    neck = model.get('neck')
    if not isinstance(neck, (list, tuple)):
        change = _fit(neck, old, new)
        if not change:
            return heads
        # SSD's neck gives the backbone's maps on
        return dict(neck=change, **(heads if 'out_channels' in change else {}))
    for index, part in enumerate(neck):
        if change := _fit(part, old, new):
            return dict(neck=[*neck[:index], _merged(part, change), *neck[index + 1 :]])
    return heads


def _fit(node, old, new):
    """Give the changes of a config's node: a dict of those of a dict, a list as a whole."""
    if isinstance(node, (list, tuple)):
        changes = [_fit(part, old, new) for part in node]
        return [_merged(*pair) for pair in zip(node, changes)] if any(changes) else None
    if not isinstance(node, dict):
        return None
    changes = {}
    for key, value in node.items():
        if key in ('in_channels', 'out_channels', 'c1_in_channels'):
            found = _fit_channels(value, old, new, key, node.get('in_index'))
        else:
            found = _fit(value, old, new)
        if found is not None:
            changes[key] = found
    return changes or None


def _fit_channels(value, old, new, key, in_index):
    """Give the channels that take the place of ``value``, None for others than the backbone's."""
    if isinstance(value, int):
        if key == 'out_channels':
            return None
        index = 0 if key == 'c1_in_channels' else -1
        if isinstance(in_index, int) and key == 'in_channels':
            index = in_index
        found = _take([value], [index], old, new)
        return found and found[0]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    kind, value = type(value), list(value)
    if isinstance(in_index, (list, tuple)) and key == 'in_channels':
        return _take(value, in_index, old, new)
    for start in range(len(old)):
        for old_order, new_order in ((old, new), (old[::-1], new[::-1])):
            known = old_order[start:]
            alone = len(known) == 1 and (len(value) > 1 or key == 'out_channels')
            if value[: len(known)] == known and not alone:
                return kind([*new_order[start:], *value[len(known) :]])
    return None


def _take(values, indices, old, new):
    """Give the new channels at indices, None unless the old ones there are ``values``."""
    inside = all(-len(old) <= index < len(old) for index in indices)
    if not inside or values != [old[index] for index in indices]:
        return None
    return [new[index] for index in indices]


def _merged(node, changes):
    """Give a node as a plain dict, with its changes."""
    if changes is None:
        return node.to_dict() if hasattr(node, 'to_dict') else node
    merged = Config(dict(node=node.to_dict()))
    merged.merge_from_dict(dict(node=changes))
    return merged.node.to_dict()


def _source(value):
    """Write a value as configs do."""
    if isinstance(value, dict):
        return f'dict({", ".join(f"{key}={_source(item)}" for key, item in value.items())})'
    if isinstance(value, list):
        return f'[{", ".join(map(_source, value))}]'
    return repr(value)


def _read(base, changes):
    """Read a config from its text."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / 'fitted.py'
        file.write_text(f'_base_ = {base!r}\n{changes}')
        return Config.fromfile(file)


def _why_not(config):
    """Build the model of a config and run it; give None or, in one line, why that fails."""
    for size in (SIZE, 2 * SIZE):  # as some models take no smaller ones
        try:
            whole = build_whole_model(config).eval()
            check_size(whole, whole.model, torch.randn(1, 3, size, size))
            return None
        except Exception as error:  # of whatever kind, as the model is anyone's
            reason = f'{type(error).__name__}: {error}'
    return shorten(reason, 300)
