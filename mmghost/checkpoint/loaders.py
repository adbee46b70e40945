"""Whole models from published GhostNet files, through mmengine's own loading."""

import logging
from pathlib import Path

import torch.distributed
from mmengine.dist import get_dist_info
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengines

from .read_weights import check_sha256, fetch, load_safely, sort_weights


def _rename(content, filename):
    """Give published GhostNet weights the names of an OpenMMLab model; leave all else alone."""
    try:
        weights = sort_weights(content, Path(filename), prefix='')
    except ValueError:
        return content
    return dict(state_dict=weights.classifier) if weights.layout == 'timm' else content


def load_from_local(filename, map_location=None):
    """Load a local file, without executing any of it."""
    path = Path(filename).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {filename} can not be found.')
    try:
        check_sha256(path)
    except ValueError as error:  # its name may be of the user's own making
        print_log(str(error), logger='current', level=logging.WARNING)
    return _rename(load_safely(path, map_location), filename)


def load_from_http(filename, map_location=None, **kwargs):
    """Load a file of the web, which the first process downloads for all of them."""
    rank, world_size = get_dist_info()
    if rank == 0:
        fetch(filename)
    if world_size > 1:
        torch.distributed.barrier()
    return _rename(load_safely(fetch(filename), map_location), filename)


def _load_content(file, map_location=None, weights_only=True):
    """Stand in for OneDL's loading, which executes what torch refuses to load."""
    return load_safely(file if hasattr(file, 'read') else Path(file), map_location)


def load_published_checkpoints():
    """Let mmengine load the authors' and timm's GhostNet files into whole models.

    That is into what ``load_from``, a model's ``init_cfg`` and the test tools load. The backbone's
    weights are found under ``backbone.``, the classifier's under ``head.``; of several sets the
    averaged one is taken. Other files are loaded as before, ``.safetensors`` too. Nothing that a
    file holds is executed, whatever torch's or mmengine's default is.
    """
    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http, force=True)
    mmengines.load_from_http = load_from_http  # which 'torchvision://' and the like end in
    if hasattr(mmengines, '_safe_torch_load'):
        mmengines._safe_torch_load = _load_content
