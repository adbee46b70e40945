"""What configs say, whatever their form: with types by name or as classes, data sets in others."""

from contextlib import contextmanager

from mmengine.registry import DATASETS, TRANSFORMS

#: What the names of config files end in
SUFFIXES = ('.py', '.json', '.yaml', '.yml')


class MissingDataError(FileNotFoundError):
    """A file of a data set is missing, and the config says how to get it."""


@contextmanager
def missing_data_explained(config):
    """Raise :class:`MissingDataError` for what is missing in the data set of a config.

    Args:
        config (Config): A whole config. Its ``data_source`` says how to get what is in its
            ``data_root``; where it has none of either, errors stay as they are.
    """
    try:
        yield
    except FileNotFoundError as error:
        source, root = config.get('data_source'), config.get('data_root')
        if not (source and root and str(error.filename).startswith(root)):
            raise
        raise MissingDataError(f'there is no {error.filename}: {source}.') from error


def config_scope(config):
    """Tell which mm package a config is for.

    Args:
        config (Config): A whole config.

    Returns:
        str: Such as 'mmdet': its ``default_scope`` or, where that is not set (as in pure Python
        configs), the package of its model.

    Raises:
        ValueError: If neither names a package.
    """
    scope = config.get('default_scope')
    if scope is None:
        model_type = config.get('model', {}).get('type', '')
        name = model_type if isinstance(model_type, str) else model_type.__module__
        scope, _, rest = name.partition('.')
        if not rest:
            raise ValueError("the config is for no package: set default_scope, as to 'mmdet'.")
    return scope


def type_name(config):
    """Give the name of a config's ``type``, without its module or scope."""
    kind = config['type']
    return (kind if isinstance(kind, str) else kind.__name__).rpartition('.')[2]


def plain_datasets(dataset):
    """List the configs of the data sets that are joined and wrapped in the config of one."""
    if 'dataset' in dataset:
        return plain_datasets(dataset['dataset'])
    if 'datasets' in dataset:
        return [plain for part in dataset['datasets'] for plain in plain_datasets(part)]
    return [dataset]


def image_loader(config, color_type='color'):
    """Build the transform that a config's test data is loaded by.

    Args:
        config (Config): A whole config.
        color_type (str): How images are loaded where the data set does it by itself.

    Returns:
        Callable: Takes ``dict(img_path=FILE)``.
    """
    step = plain_datasets(config.test_dataloader.dataset)[0].pipeline[0]
    if not type_name(step).startswith('Load'):
        step = dict(type='LoadImageFromFile', color_type=color_type)
    return TRANSFORMS.build(step)


def test_metainfo(config):
    """Give what a config's test data, the first of several sets, says of its classes."""
    dataset = plain_datasets(config.test_dataloader.dataset)[0]
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(dataset.type) if isinstance(dataset.type, str) else dataset.type
    return (getattr(kind, 'METAINFO', None) or {}) | dataset.get('metainfo', {})
