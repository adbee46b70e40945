"""Write a config's whole model into a file of another runtime, and check it there."""

from mmengine.config import DictAction

from mmghost.deploy.export_model import export_model
from mmghost.deploy.runtimes import FORMATS
from mmghost.utils.command_line import ArgumentParser, one_line_errors


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('config', help='a detection, segmentation or classification config')
    parser.add_argument('checkpoint', help='its checkpoint')
    parser.add_argument('--format', required=True, choices=FORMATS)
    parser.add_argument('-o', '--out', dest='file', required=True, help='the file to write')
    parser.add_argument(
        '--shape',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help="size of the input (default: that of the config's test images)",
    )
    parser.add_argument(
        '--dynamic', nargs='+', default=(), choices=('batch', 'size'), help='what may differ'
    )
    parser.add_argument(
        '--normalize-inside',
        action='store_true',
        help='take images as they are loaded, values from 0 to 255',
    )
    parser.add_argument(
        '--logits', action='store_true', help='of segmentation, give logits instead of classes'
    )
    parser.add_argument(
        '--int8',
        type=int,
        nargs='?',
        const=200,
        metavar='IMAGES',
        help='compute in 8-bit integers, calibrated with training images (onnx, openvino and '
        'litert only; %(const)s images unless given)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='overrides of config values, KEY=VALUE'
    )
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        report = export_model(**vars(args))
    checked = 'written, but not run'
    if report.difference is not None:
        checked = f'differs from PyTorch by {report.difference:.1e} on {report.image}'
    print(f'{args.file}: input {"x".join(map(str, report.shape))}, {checked}')


if __name__ == '__main__':
    main()
