"""Make the fashion scenes, a detection and segmentation data set of real Fashion-MNIST images."""

from mmghost.datasets import find_fashion_mnist, make_fashion_scenes
from mmghost.utils.argument_parser import ArgumentParser
from mmghost.utils.mistakes import mistakes_named


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        '--source',
        help="folder of Fashion-MNIST's idx files (default: an earlier download, Debian's "
        'dataset-fashion-mnist, or a download)',
    )
    parser.add_argument('--out-dir', default='data/fashion_scenes', help='default: %(default)s')
    parser.add_argument('--train-count', type=int, default=4000, help='default: %(default)s')
    parser.add_argument('--val-count', type=int, default=400, help='default: %(default)s')
    parser.add_argument(
        '--size', type=int, default=128, help='side of a scene in pixels (default: %(default)s)'
    )
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace scenes made with other options'
    )
    return parser.parse_args()


def main():
    args = vars(parse_args())
    out_dir, source = args.pop('out_dir'), args.pop('source')
    with mistakes_named():
        source = find_fashion_mnist(source)
        made = make_fashion_scenes(out_dir, source, **args)
    print(f'{out_dir}: made from {source}' if made else f'{out_dir}: up to date')


if __name__ == '__main__':
    main()
