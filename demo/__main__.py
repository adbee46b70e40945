"""Train and evaluate a model on real data, and draw what it finds.

What an earlier, interrupted run finished is not done again.
"""

from pathlib import Path

from mmghost.demo import (
    DEMO_CONFIGS,
    run_classification_demo,
    run_detection_demo,
    run_segmentation_demo,
)
from mmghost.utils.argument_parser import ArgumentParser
from mmghost.utils.mistakes import mistakes_named

CONFIGS = Path(__file__).resolve().parent.parent / 'configs'
DEMOS = dict(
    det=run_detection_demo,
    seg=run_segmentation_demo,
    cls=run_classification_demo,
)


def parse_args():
    parser = ArgumentParser(description=__doc__)
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
    args.setdefault('work_dir', f'work_dirs/demo-{task}')
    with mistakes_named():
        DEMOS[task](CONFIGS / DEMO_CONFIGS[task], **args)


if __name__ == '__main__':
    main()
