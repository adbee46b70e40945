"""Draw where the attention at one position comes from: by layer, DFC above full attention.

GhostNetV2, Figure 6. Full attention is that of a network trained with self-attention, given by
--full, or else the affinity of the same features. docs/look_inside.md says how both are computed.
"""

from mmghost.analysis.inside import (
    attention_maps,
    attention_table,
    check_new_file,
    draw_attention,
    input_images,
    parse_inside_args,
    save_figure,
    trained_model,
)
from mmghost.utils.mistakes import mistakes_named
from mmghost.utils.wide_console import wide_console


def add_options(parser):
    parser.add_argument(
        '--position',
        nargs=2,
        type=int,
        metavar=('Y', 'X'),
        help='in pixels of the image as the network gets it (default: its middle)',
    )
    parser.add_argument(
        '--image', default='0', help='a file, or the number of a test image (default: %(default)s)'
    )
    parser.add_argument(
        '--layer',
        nargs='+',
        help='attentions, or blocks that have some (default: six, from the first to the last)',
    )
    parser.add_argument(
        '--full',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='a network with self-attention in the same bottlenecks',
    )


def run(args):
    check_new_file(args.out)
    config, model = trained_model(args.config, args.checkpoint, args.cfg_options)
    (image,) = input_images(config, model, [args.image])
    full, full_name = None, 'affinity of the same features'
    if args.full:
        full_config, full_model = trained_model(*args.full)
        full = full_model, *input_images(full_config, full_model, [args.image])
        full_name = 'trained self-attention'
    position = args.position or [length // 2 for length in image.pixels.shape[:2]]
    found = attention_maps(model, image, position, args.layer, full)
    save_figure(draw_attention(found, image, position, full_name), args.out)
    wide_console().print(attention_table(found))


def main():
    args = parse_inside_args(__doc__, add_options)
    with mistakes_named():
        run(args)


if __name__ == '__main__':
    main()
