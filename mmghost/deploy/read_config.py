"""Configs of whole models, and the input that they test with."""

from mmengine.config import Config
from mmengine.registry import DATASETS

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
    preprocessor = config.model.get('data_preprocessor') or config.get('data_preprocessor') or {}
    if scope == 'mmpretrain':
        preprocessor.setdefault('type', 'ClsDataPreprocessor')  # as its classifiers do
    config.model.data_preprocessor = preprocessor
    return config, TASKS[scope]


def test_transforms(config):
    """List the transforms of a config's test pipeline that change the image."""
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    names = ('Load', 'Pack', 'Collect')
    return [dict(step) for step in dataset.pipeline if not _name(step).startswith(names)]


def _name(step):
    kind = step['type']
    return (kind if isinstance(kind, str) else kind.__name__).split('.')[-1]


def test_input_size(config):
    """Tell the height and width of a config's test images, the largest if they differ.

    Args:
        config (Config): A whole config.

    Returns:
        tuple[int]: Height and width, from the last transform that sets them or, without any, from
        the first test image.

    Raises:
        ValueError: If neither is there.
    """
    size = None
    for step in reversed(test_transforms(config)):
        size = step.get('crop_size', step.get('size', step.get('scale')))
        if size is not None:
            break
    if size is None:
        try:
            image = DATASETS.build(config.test_dataloader.dataset)[0]['inputs']
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f'the test pipeline sets no size, and there is no test image to take it from '
                f'({error}): give --shape HEIGHT WIDTH.'
            ) from None
        size = tuple(image.shape[-2:])[::-1]
    width, height = (size, size) if isinstance(size, int) else size  # in mmcv's order
    divisor = config.model.data_preprocessor.get('pad_size_divisor', 1)
    return -(-height // divisor) * divisor, -(-width // divisor) * divisor
