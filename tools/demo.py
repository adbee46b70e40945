"""Train and evaluate a model on real data, and draw what it finds.

What an earlier, interrupted run finished is not done again.
"""

import argparse
from pathlib import Path

from mmghost.demo import (
    run_classification_demo,
    run_detection_demo,
    run_segmentation_demo,
)
from mmghost.utils.mistakes import mistakes_named

CONFIGS = Path(__file__).resolve().parent.parent / 'configs'
DEMOS = {
    'det': (
        run_detection_demo,
        CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
    ),
    'seg': (
        run_segmentation_demo,
        CONFIGS
        / 'segmentation'
        / 'ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py',
    ),
    'cls': (
        run_classification_demo,
        CONFIGS / 'classification' / 'ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py',
    ),
}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'task', choices=DEMOS, help='det: YOLOv3, seg: DeepLabV3+, cls: a classifier'
    )
    parser.add_argument('--work-dir', help='default: work_dirs/demo-TASK')
    parser.add_argument('--data-root', help="folder of the data (default: the config's)")
    parser.add_argument('--source', help="folder of Fashion-MNIST's idx files")
    parser.add_argument(
        '--train-count', type=int, help='training images (default: 4000 scenes, all articles)'
    )
    parser.add_argument(
        '--val-count', type=int, help='validation images (default: 400 scenes, all articles)'
    )
    parser.add_argument('--epochs', type=int, help="default: the config's")
    return parser.parse_args()


def main():
    args = {name: value for name, value in vars(parse_args()).items() if value is not None}
    task = args.pop('task')
    run_demo, config_file = DEMOS[task]
    args.setdefault('work_dir', f'work_dirs/demo-{task}')
    with mistakes_named():
        run_demo(config_file, **args)


if __name__ == '__main__':
    main()
