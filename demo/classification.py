"""The classification demo: data, training, evaluation and report."""

from pathlib import Path

from mmghost.utils import check_int

from .data import prepare_fashion_mnist
from .report import print_report
from .train_and_test import load_config, train_and_test


def run_classification_demo(
    config_file,
    work_dir,
    data_root=None,
    source=None,
    train_count=None,
    val_count=None,
    epochs=None,
):
    """Train and evaluate a classifier of Fashion-MNIST's articles.

    Args:
        config_file (str | Path): The classification config.
        work_dir (str | Path): Where checkpoints and logs go.
        data_root (str | Path, optional): Where the plain idx files are or go; the config's own
            folder by default.
        source (str | Path, optional): Folder of Fashion-MNIST's idx files. Defaults to None.
        train_count (int, optional): Use the first training articles only. Defaults to all.
        val_count (int, optional): Use the first test articles only. Defaults to all.
        epochs (int, optional): Epochs, the config's own number by default.

    Returns:
        dict: The metrics of the evaluation.
    """
    for name, count in (('train_count', train_count), ('val_count', val_count)):
        if count is not None:
            check_int(name, count, 1)
    counts = dict(train=train_count, val=val_count, test=val_count)
    overrides = {
        f'{loader}_dataloader.dataset.indices': count for loader, count in counts.items() if count
    }
    config, overrides = load_config(config_file, data_root, epochs, overrides)
    prepare_fashion_mnist(config.train_dataloader.dataset.data_root, source)
    outcome = train_and_test('mmpretrain', config_file, config, work_dir, overrides)
    print_report(
        f'{Path(config_file).stem} on {val_count or "all"} test articles',
        {f'top-{k} accuracy': f'{outcome.metrics[f"accuracy/top{k}"]:.2f} %' for k in (1, 5)}
        | outcome.speeds,
        dict(log=outcome.log, checkpoint=outcome.checkpoint),
    )
    return outcome.metrics
