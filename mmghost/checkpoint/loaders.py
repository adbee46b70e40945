"""Whole models from published GhostNet files, through mmengine's own loading."""

import functools
from pathlib import Path

from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_http, load_from_local

from .read_weights import load_safetensors, safe_namespace, sort_weights


def _rename(content, filename):
    """Give published GhostNet weights the names of an OpenMMLab model; leave all else alone."""
    try:
        weights = sort_weights(content, Path(filename), prefix='')
    except ValueError:
        return content
    return dict(state_dict=weights.classifier) if weights.layout == 'timm' else content


def _renaming(load):
    @functools.wraps(load)  # mmengine logs the name
    def load_and_rename(filename, map_location=None, **kwargs):
        path = Path(filename).expanduser()
        if path.suffix == '.safetensors' and path.is_file():
            return _rename(load_safetensors(path), filename)
        with safe_namespace():
            return _rename(load(filename, map_location=map_location, **kwargs), filename)

    return load_and_rename


def load_published_checkpoints():
    """Let mmengine load the authors' and timm's GhostNet files into whole models.

    That is into what ``load_from``, a model's ``init_cfg`` and the test tools load. The backbone's
    weights are found under ``backbone.``, the classifier's under ``head.``; of several sets the
    averaged one is taken. Other files are loaded as before, ``.safetensors`` too.
    """
    CheckpointLoader.register_scheme('', _renaming(load_from_local), force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), _renaming(load_from_http), force=True)
