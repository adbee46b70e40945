"""The detection demo: data, training, evaluation, picture and report."""

from pathlib import Path
from statistics import median

from mmengine.config import Config
from mmengine.registry import init_default_scope

from .data import prepare_scenes
from .mim import last_checkpoint, run_mim, test_metrics, training_log
from .picture import draw_detections
from .report import print_report


def _precisions(metrics, classes):
    """Pick AP, AP50 and the classes' AP out of CocoMetric's results."""
    keys = {
        'AP': 'coco/bbox_mAP',
        'AP50': 'coco/bbox_mAP_50',
        **{f'AP of {name}': f'coco/{name}_precision' for name in classes},
    }
    # CocoMetric reports nothing where nothing at all was detected.
    return {
        name: f'{metrics[key]:.3f}' if key in metrics else 'no detections'
        for name, key in keys.items()
    }


def run_detection_demo(
    config_file, work_dir, data_root=None, source=None, train_count=4000, val_count=400, epochs=None
):
    """Train, evaluate and draw a detector of fashion scenes.

    What an earlier, interrupted run finished is not done again.

    Args:
        config_file (str | Path): The detection config.
        work_dir (str | Path): Where checkpoints, logs and the picture go.
        data_root (str | Path, optional): Where the scenes are or go; the config's own folder by
            default.
        source (str | Path, optional): Folder of Fashion-MNIST's idx files. Defaults to None.
        train_count (int): Training scenes. Defaults to 4000.
        val_count (int): Validation scenes. Defaults to 400.
        epochs (int, optional): Epochs, the config's own number by default.

    Returns:
        dict: The metrics of the evaluation.
    """
    config = Config.fromfile(config_file)
    overrides = {}
    if data_root is not None:
        for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            overrides[f'{loader}.dataset.data_root'] = str(data_root)
        annotations = Path(data_root) / 'annotations' / 'instances_validation.json'
        for evaluator in ('val_evaluator', 'test_evaluator'):
            overrides[f'{evaluator}.ann_file'] = str(annotations)
    if epochs is not None:
        overrides['train_cfg.max_epochs'] = epochs
    config.merge_from_dict(overrides)
    init_default_scope(config.default_scope)

    prepare_scenes(config.train_dataloader.dataset.data_root, train_count, val_count, source)
    options = ('--work-dir', work_dir)
    run_mim(*('train', 'mmdet', config_file, *options, '--resume', 'auto'), cfg_options=overrides)
    log, iterations = training_log(work_dir)
    checkpoint = last_checkpoint(work_dir)
    run_mim(
        *('test', 'mmdet', config_file, '--checkpoint', checkpoint, *options),
        cfg_options=overrides,
    )
    metrics = test_metrics(work_dir)
    picture = draw_detections(config, checkpoint, Path(work_dir) / 'detections.png')

    speeds = {}
    if iterations:
        batch = config.train_dataloader.batch_size
        speed = batch / median(record['time'] for record in iterations)
        speeds['training, images a second'] = f'{speed:.1f}'
    speed = config.test_dataloader.batch_size / metrics['time']
    speeds['testing, images a second'] = f'{speed:.1f}'
    print_report(
        f'{Path(config_file).stem} on {val_count} validation scenes',
        {**_precisions(metrics, config.metainfo.classes), **speeds},
        dict(picture=picture, log=log, checkpoint=checkpoint),
    )
    return metrics
