"""Find similar feature maps of a layer, and predict one of each pair from the other.

GhostNet, Section 4.1.1, Table 2 and Figure 1: a d x d depthwise kernel for d = 1, 3, 5, 7, its mean
squared error, and a picture. The pairs are found by correlation, the kernels by least squares.
"""

import json
from pathlib import Path

from mmghost.analysis.inside import (
    check_new_file,
    draw_similarity,
    feature_similarity,
    input_images,
    parse_inside_args,
    save_figure,
    similarity_table,
    trained_model,
)
from mmghost.engine.atomic_writes import write_atomically
from mmghost.utils.mistakes import mistakes_named
from mmghost.utils.wide_console import wide_console


def add_options(parser):
    parser.add_argument(
        '--image',
        nargs='+',
        default=[str(number) for number in range(8)],
        metavar='IMAGE',
        help="files, or numbers of test images; the picture shows the first's maps "
        '(default: 0 to 7)',
    )
    parser.add_argument(
        '--layer', help='whose output (default: the first residual block of the backbone)'
    )
    parser.add_argument('--pairs', type=int, default=3, help='from 1 to 6 (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write the numbers, too')


def run(args):
    check_new_file(args.out)
    if args.json:
        check_new_file(args.json, ['.json'])
    config, model = trained_model(args.config, args.checkpoint, args.cfg_options)
    images = input_images(config, model, args.image)
    found = feature_similarity(model, images, args.layer, args.pairs)
    save_figure(draw_similarity(found, images[0]), args.out)
    if args.json:
        summary = dict(
            config=Path(args.config).name,
            checkpoint=Path(args.checkpoint).name,
            shown=[image.name for image in images],
            **found.summary(),
        )
        write_atomically(f'{json.dumps(summary, indent=1)}\n'.encode(), args.json)
    wide_console().print(similarity_table(found))


def main():
    args = parse_inside_args(__doc__, add_options)
    with mistakes_named():
        run(args)


if __name__ == '__main__':
    main()
