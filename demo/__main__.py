"""Train and evaluate a model on real data, and draw what it finds.

What an earlier, interrupted run finished is not done again.
"""

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import find_latest_checkpoint

from mmghost.utils import check_int
from mmghost.utils.command_line import ArgumentParser, one_line_errors

from .fashion_mnist import find_fashion_mnist, unpack_fashion_mnist
from .fashion_scenes import make_fashion_scenes
from .mim import mim_words, newest, run_mim, test_metrics
from .pictures import draw_detections, draw_masks

CONFIGS = Path(__file__).resolve().parent.parent / 'configs'
DEMO_CONFIGS = dict(
    det=CONFIGS / 'detection/yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
    seg=CONFIGS / 'segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py',
    cls=CONFIGS / 'classification/ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py',
)
DETECTORS = {
    'yolov3': DEMO_CONFIGS['det'],
    'rtmdet-nano': CONFIGS / 'detection/rtmdet-nano_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
}
PICTURES = dict(det=(draw_detections, 'detections.png'), seg=(draw_masks, 'masks.png'))


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        'task', choices=DEMO_CONFIGS, help='det: a detector, seg: DeepLabV3+, cls: a classifier'
    )
    parser.add_argument('--head', choices=DETECTORS, help="the detector's (default: yolov3)")
    parser.add_argument('--work-dir', help='default: work_dirs/demo-TASK, with -HEAD if given')
    parser.add_argument('--data-root', help="folder of the data (default: the config's)")
    parser.add_argument('--source', help="folder of Fashion-MNIST's idx files")
    parser.add_argument(
        '--train-count', type=int, help='training images (default: 4000 scenes, all articles)'
    )
    parser.add_argument(
        '--val-count', type=int, help='validation images (default: 400 scenes, all articles)'
    )
    parser.add_argument('--epochs', type=int, help="default: the config's")
    args = parser.parse_args()
    if args.head and args.task != 'det':
        parser.error(f'--head is for det, not for {args.task}')
    return args


def demo_config(args):
    """Config: A demo's, whole, with its options in it."""
    config = Config.fromfile(DETECTORS[args.head] if args.head else DEMO_CONFIGS[args.task])
    for name in ('train_count', 'val_count', 'epochs'):
        if getattr(args, name) is not None:
            check_int(name, getattr(args, name), 1)
    if args.epochs:
        config.train_cfg.max_epochs = args.epochs
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        if args.task == 'cls':
            dataset.indices = args.train_count if split == 'train' else args.val_count
        if args.data_root:
            dataset.data_root = args.data_root
            if args.task == 'det' and split != 'train':
                annotations = f'{args.data_root}/annotations/instances_validation.json'
                config[f'{split}_evaluator'].ann_file = annotations
    return config


def prepare_data(args, data_root):
    """Make the data of a demo, unless it is there."""
    source = find_fashion_mnist(args.source)
    if args.task == 'cls':
        made = unpack_fashion_mnist(source, data_root)
    else:
        counts = dict(train_count=args.train_count or 4000, val_count=args.val_count or 400)
        made = make_fashion_scenes(data_root, source, **counts)
    print(f'{data_root}: {"made" if made else "up to date"}', flush=True)


def main_metrics(task, metrics, config):
    """Pick what the report of a demo says, as texts."""
    if task == 'cls':
        return {f'top-{k} accuracy': f'{metrics[f"accuracy/top{k}"]:.2f} %' for k in (1, 5)}
    if task == 'seg':
        return {name: f'{metrics[name]:.1f} %' for name in ('mIoU', 'mAcc', 'aAcc')}
    keys = dict(AP='coco/bbox_mAP', AP50='coco/bbox_mAP_50')
    keys.update({f'AP of {n}': f'coco/{n}_precision' for n in config.metainfo.classes})
    # CocoMetric reports nothing where nothing at all was detected
    return {
        name: f'{metrics[key]:.3f}' if key in metrics else 'no detections'
        for name, key in keys.items()
    }


def run_demo(args):
    """Prepare the data of a task, train or go on, test, draw and report."""
    config = demo_config(args)
    work_dir = Path(
        args.work_dir or '-'.join(filter(None, ('work_dirs/demo', args.task, args.head)))
    )
    init_default_scope(config.default_scope)
    prepare_data(args, config.train_dataloader.dataset.data_root)
    # Whole, as OneDL's mim finds no _base_ = 'mmseg::...'
    file = work_dir / 'config' / Path(config.filename).name
    file.parent.mkdir(parents=True, exist_ok=True)
    config.dump(file)
    # --resume without a value, which mmseg's tool does not take: from the newest checkpoint, if any
    words = ('--work-dir', work_dir)
    run_mim(mim_words('train', config, file, *words, '--resume', '--gpus', 0))
    log, checkpoint = newest(work_dir, '*/*.log'), find_latest_checkpoint(work_dir)
    run_mim(mim_words('test', config, file, '--checkpoint', checkpoint, *words))
    found = main_metrics(args.task, test_metrics(work_dir), config)
    if args.task in PICTURES:
        draw, name = PICTURES[args.task]
        draw(config, checkpoint, work_dir / name)
        found['picture'] = work_dir / name
    found.update(log=log, checkpoint=checkpoint)
    print(f'\n{file.stem}')
    for name, value in found.items():
        print(f'{name:20} {value}')


def main():
    args = parse_args()
    with one_line_errors():
        run_demo(args)


if __name__ == '__main__':
    main()
