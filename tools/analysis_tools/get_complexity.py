"""Count the parameters and multiply-adds of a config's model and of its backbone."""

import torch

from mmghost.deploy.model_input import input_channels
from mmghost.utils import check_int
from mmghost.utils.command_line import ArgumentParser, one_line_errors
from mmghost.utils.complexity import count_complexity
from mmghost.utils.whole_models import build_whole_model, check_size


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        'config',
        help='a detection, segmentation or classification config: a file, or package::path for '
        'one of an mm package',
    )
    parser.add_argument(
        '--size', type=int, nargs=2, default=(224, 224), metavar=('H', 'W'), help='default: 224 224'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        for side in args.size:
            check_int('each side of the size', side, 1)
        whole = build_whole_model(args.config)
        in_channels = input_channels(whole.model)
        check_size(whole.eval(), whole.model, torch.zeros(1, in_channels, *args.size))
        for name, part in (('model', whole), ('backbone', whole.model.backbone)):
            parameters, multiply_adds = count_complexity(part, args.size, in_channels)
            print(
                f'{name:9} {parameters / 1e6:.2f} M parameters, {multiply_adds / 1e6:.1f} M '
                f'multiply-adds at {args.size[0]}x{args.size[1]}'
            )


if __name__ == '__main__':
    main()
