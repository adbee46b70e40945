"""Draw what a detector, a segmentor or a classifier finds in images."""

import sys
from pathlib import Path

from mmengine.config import DictAction

from mmghost.checkpoint import find_published
from mmghost.inference import TASKS, predict_images
from mmghost.utils.command_line import ArgumentParser, one_line_errors

ROOT = Path(__file__).resolve().parent.parent
DEMO_CONFIGS = dict(
    det='configs/detection/yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
    seg='configs/segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py',
    cls='configs/classification/ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py',
)


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        'images', nargs='+', metavar='IMAGE', help='a file, a folder, or webcam, webcam:1, ...'
    )
    parser.add_argument('--task', choices=TASKS, required=True)
    parser.add_argument('--config', help="default: the demo's of the task")
    parser.add_argument(
        '--checkpoint',
        help='or an exported file (default: the one that comes with the config)',
    )
    parser.add_argument('--out-dir', help='default: predictions/TASK')
    parser.add_argument(
        '--score-thr', type=float, help='det: leave out lower scores (default: 0.3)'
    )
    parser.add_argument(
        '--invert',
        action='store_true',
        default=None,
        help='cls: exchange dark and light before the model',
    )
    parser.add_argument('--device', help='such as cpu or cuda:1 (default: a GPU if there is one)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of config values, KEY=VALUE'
    )
    args = parser.parse_args()
    for name, value, task in (
        ('--score-thr', args.score_thr, 'det'),
        ('--invert', args.invert, 'cls'),
    ):
        if value is not None and args.task != task:
            parser.error(f'{name} is for --task {task}')
    return args


def main():
    args = {name: value for name, value in vars(parse_args()).items() if value is not None}
    task = args['task']
    args.setdefault('config', ROOT / DEMO_CONFIGS[task])
    args.setdefault('out_dir', Path('predictions', task))
    with one_line_errors():
        if 'checkpoint' not in args:
            args['checkpoint'] = find_published(args['config'], ROOT / 'checkpoints')
        failures = predict_images(args.pop('images'), **args)
    if failures:
        sys.exit('\n'.join(f'error: {name}: {reason}' for name, reason in failures.items()))


if __name__ == '__main__':
    main()
