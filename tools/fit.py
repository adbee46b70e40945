"""Put a Ghost backbone into a config in place of another, neck and heads fitted to it."""

import sys
from pathlib import Path

import mmghost  # noqa: F401  (registers the backbones)
from mmghost.utils.command_line import ArgumentParser, one_line_errors
from mmghost.utils.fit_backbone import fit_backbone


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        'config', help='a file, or package::path for one of an mm package, such as mmdet::...'
    )
    parser.add_argument('--backbone', default='mmghost.GhostNetV2', help='default: %(default)s')
    parser.add_argument('--width', type=float, default=1.0, help='default: %(default)s')
    parser.add_argument('--checkpoint', help='pretrained weights of the backbone, a file or a URL')
    parser.add_argument('--out', type=Path, help='the config to write (default: it is printed)')
    return parser.parse_args()


def main():
    args = parse_args()
    backbone = dict(type=args.backbone)
    if args.width != 1:
        backbone['widen_factor'] = args.width
    with one_line_errors():
        if args.out and args.out.exists():
            raise FileExistsError(f'{args.out} exists: give another name.')
        folder = args.out.parent if args.out else '.'
        fitted = fit_backbone(args.config, backbone, args.checkpoint, folder)
        if fitted.not_run:
            print(f'Not tried, as neither model runs here: {fitted.not_run}', file=sys.stderr)
        if args.out:
            args.out.write_text(fitted.text)
        else:
            print(fitted.text, end='')


if __name__ == '__main__':
    main()
