"""Configs of whole models."""

from mmengine.config import Config

from mmghost.utils.configs import config_scope
from mmghost.utils.inputs import check_input

TASKS = dict(mmdet='detection', mmseg='segmentation', mmpretrain='classification')


def read_config(file, cfg_options=None):
    """Read a config, its data preprocessor in its model, where the runner puts it.

    Args:
        file (str | Path): A config of any of the three packages.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.

    Returns:
        tuple[Config, str]: The config, and its task: 'detection', 'segmentation' or
        'classification'.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the config is of no package, or without test data.
    """
    check_input(file)
    config = Config.fromfile(file)
    config.merge_from_dict(cfg_options or {})
    scope = config_scope(config)
    if 'test_dataloader' not in config:
        raise ValueError(f'{file} has no test_dataloader, which tells what the input is like.')
    place_preprocessor(config)
    return config, TASKS[scope]


def place_preprocessor(config):
    """Put a config's data preprocessor in its model, where the runner puts it."""
    preprocessor = config.model.get('data_preprocessor') or config.get('data_preprocessor') or {}
    if config_scope(config) == 'mmpretrain':
        preprocessor.setdefault('type', 'ClsDataPreprocessor')  # as its classifiers do
    config.model.data_preprocessor = preprocessor
