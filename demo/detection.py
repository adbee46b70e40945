"""The detection demo: data, training, evaluation, picture and report."""

from pathlib import Path

from .data import prepare_scenes
from .picture import draw_detections
from .report import print_report
from .train_and_test import load_config, train_and_test


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
    overrides = {}
    if data_root is not None:
        annotations = Path(data_root) / 'annotations' / 'instances_validation.json'
        for evaluator in ('val_evaluator', 'test_evaluator'):
            overrides[f'{evaluator}.ann_file'] = str(annotations)
    config, overrides = load_config(config_file, data_root, epochs, overrides)
    prepare_scenes(config.train_dataloader.dataset.data_root, train_count, val_count, source)
    outcome = train_and_test('mmdet', config_file, config, work_dir, overrides)
    picture = draw_detections(config, outcome.checkpoint, Path(work_dir) / 'detections.png')
    print_report(
        f'{Path(config_file).stem} on {val_count} validation scenes',
        {**_precisions(outcome.metrics, config.metainfo.classes), **outcome.speeds},
        dict(picture=picture, log=outcome.log, checkpoint=outcome.checkpoint),
    )
    return outcome.metrics
