"""Make a training's checkpoint fit to be given out: weights alone, named by their SHA-256."""

from mmghost.checkpoint import publish_checkpoint
from mmghost.utils.command_line import ArgumentParser, one_line_errors


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a detection, segmentation or classification config')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('--out-dir', default='checkpoints', help='default: %(default)s')
    parser.add_argument(
        '--half', action='store_true', help='in half precision, norms and biases excepted'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        print(publish_checkpoint(**vars(args)))


if __name__ == '__main__':
    main()
