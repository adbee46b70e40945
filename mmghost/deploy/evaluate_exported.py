"""Exported files on a config's test set."""

from pathlib import Path

from mmengine.runner import Runner

from .read_config import read_config
from .runtimes import load_exported


def evaluate_exported(config, file, work_dir=None, threads=None, cfg_options=None):
    """Run an exported file on the test set of a config, with the config's own metric.

    Args:
        config (str | Path): The config that the file was made of.
        file (str | Path): The exported file.
        work_dir (str | Path, optional): Where the log goes, ``exported_SUFFIX`` in the config's
            work dir by default.
        threads (int, optional): Threads to run the file with, as many as its runtime likes by
            default.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.

    Returns:
        dict: The metrics.

    Raises:
        FileNotFoundError: If the config or the file does not exist.
        ImportError: If a package that the file's format needs is missing.
        ValueError: If the file is none of the config's task.
    """
    name = Path(config).stem
    config, task = read_config(config, cfg_options)
    found = load_exported(file).metadata.get('task')
    if found != task:
        raise ValueError(f'the config is for {task}, but {file} for {found or "nothing known"}.')
    config.model = dict(
        type='mmghost.ExportedModel',
        file=str(file),
        data_preprocessor=config.model.data_preprocessor,
        threads=threads,
    )
    trained = Path(config.get('work_dir') or Path('work_dirs') / name)
    config.work_dir = str(work_dir or trained / f'exported_{Path(file).suffix[1:]}')
    config.load_from = None
    # Workers would be forked beside the runtime's threads
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    config.custom_hooks = []  # they are for models with weights
    return Runner.from_cfg(config).test()
