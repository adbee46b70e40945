"""Train, evaluate and draw a model of the fashion scenes; what is finished is not done again."""

import argparse
import sys
from pathlib import Path

from mmghost.demo import run_detection_demo

CONFIGS = Path(__file__).resolve().parent.parent / 'configs'
DEMOS = {
    'det': (
        run_detection_demo,
        CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
    ),
}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('task', choices=DEMOS, help='det: YOLOv3 with GhostNetV2')
    parser.add_argument('--work-dir', help='default: work_dirs/demo-TASK')
    parser.add_argument('--data-root', help="folder of the scenes (default: the config's)")
    parser.add_argument('--source', help="folder of Fashion-MNIST's idx files")
    parser.add_argument('--train-count', type=int, default=4000, help='default: %(default)s')
    parser.add_argument('--val-count', type=int, default=400, help='default: %(default)s')
    parser.add_argument('--epochs', type=int, help="default: the config's")
    return parser.parse_args()


def main():
    args = vars(parse_args())
    task = args.pop('task')
    run_demo, config_file = DEMOS[task]
    args['work_dir'] = args['work_dir'] or f'work_dirs/demo-{task}'
    try:
        run_demo(config_file, **args)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
