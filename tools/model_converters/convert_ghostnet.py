"""Write GhostNet weights of the authors, timm or mmghost as a clean checkpoint."""

import argparse

from mmghost.checkpoint import convert_checkpoint
from mmghost.utils.command_line import ArgumentParser, one_line_errors


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('source', help='a file, an http(s) address or a timm/... hub name')
    parser.add_argument('out_file', help='the checkpoint to write')
    parser.add_argument(
        '--layout',
        choices=('mmghost', 'timm'),
        default='mmghost',
        help='mmghost: an mmpretrain classifier with metadata; timm: the weights alone, as '
        'safetensors if OUT_FILE ends so (default: %(default)s)',
    )
    parser.add_argument('--prefix', help="what precedes the backbone's names in the source")
    parser.add_argument(
        '--ema',
        action=argparse.BooleanOptionalAction,
        help='take the averaged weights, or not (default: if there are any)',
    )
    parser.add_argument(
        '--merge',
        action='store_true',
        help="merge GhostNetV3's branches and fold the norms, for backbones with deploy=True",
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        meta = convert_checkpoint(**vars(args))
    for name, value in meta.items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    main()
