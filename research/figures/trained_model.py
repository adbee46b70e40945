"""Models of configs with the weights of their checkpoints."""

from mmengine.registry import MODELS, init_default_scope

from mmghost.checkpoint import load_whole_model
from mmghost.deploy.read_config import read_config
from mmghost.utils.mm_tools import config_scope


def trained_model(config, checkpoint, cfg_options=None):
    """Build a config's model and load its checkpoint.

    Args:
        config (str | Path): A detection, segmentation or classification config.
        checkpoint (str | Path): Its checkpoint, any that mmengine loads.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.

    Returns:
        tuple[Config, nn.Module]: The config and the model, in evaluation mode.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If the checkpoint is of another model.
    """
    config, _ = read_config(config, cfg_options)
    init_default_scope(config_scope(config))
    model = MODELS.build(config.model)
    load_whole_model(model, checkpoint)
    return config, model.eval()
