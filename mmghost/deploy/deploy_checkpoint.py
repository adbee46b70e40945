"""Checkpoints of models whose backbone is in deploy form."""

import io
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmghost.checkpoint import load_whole_model
from mmghost.utils.configs import config_scope
from mmghost.utils.files import write_atomically
from mmghost.utils.inputs import check_input
from mmghost.version import __version__


def deploy_checkpoint(config, checkpoint, out_file):
    """Write a model's checkpoint with its backbone in deploy form.

    The model that loads it is that of the config with ``deploy=True`` in its backbone.

    Args:
        config (str | Path): A config of any of the mm packages whose backbone has
            ``switch_to_deploy``.
        checkpoint (str | Path): The model's checkpoint, any that mmengine loads.
        out_file (str | Path): The file to write; it appears whole or not at all.

    Raises:
        FileExistsError: If ``out_file`` exists.
        FileNotFoundError: If a file does not exist.
        ValueError: If the backbone has no deploy form, or the checkpoint is of another model or in
            that form.
    """
    out_file = Path(out_file)
    if out_file.exists():
        raise FileExistsError(f'{out_file} exists: give another name.')
    check_input(config)
    config = Config.fromfile(config)
    init_default_scope(config_scope(config))
    model = MODELS.build(config.model)
    if not hasattr(model.backbone, 'switch_to_deploy'):
        raise ValueError(f'{type(model.backbone).__name__} has no deploy form.')
    meta = load_whole_model(model, checkpoint)
    model.backbone.switch_to_deploy()
    meta = dict(meta, mmghost_version=__version__, deploy=True)
    content = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=model.state_dict()), content)
    write_atomically(content.getvalue(), out_file)
