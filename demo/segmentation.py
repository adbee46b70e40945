"""The segmentation demo: data, training, evaluation, picture and report."""

from pathlib import Path

from .data import prepare_scenes
from .picture import draw_masks
from .report import print_report
from .train_and_test import load_config, train_and_test


def run_segmentation_demo(
    config_file, work_dir, data_root=None, source=None, train_count=4000, val_count=400, epochs=None
):
    """Train, evaluate and draw a segmentor of fashion scenes.

    Takes and returns what :func:`mmghost.demo.run_detection_demo` does.
    """
    config, overrides = load_config(config_file, data_root, epochs)
    prepare_scenes(config.train_dataloader.dataset.data_root, train_count, val_count, source)
    outcome = train_and_test('mmseg', config_file, config, work_dir, overrides)
    picture = draw_masks(config, outcome.checkpoint, Path(work_dir) / 'masks.png')
    print_report(
        f'{Path(config_file).stem} on {val_count} validation scenes',
        {name: f'{outcome.metrics[name]:.1f} %' for name in ('mIoU', 'mAcc', 'aAcc')}
        | outcome.speeds,
        dict(picture=picture, log=outcome.log, checkpoint=outcome.checkpoint),
    )
    return outcome.metrics
