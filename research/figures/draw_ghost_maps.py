"""Draw the intrinsic and the ghost maps of Ghost modules side by side, or the maps of any layer.

GhostNet, Figures 1, 4 and 5.
"""

from mmghost.analysis.inside import (
    check_new_file,
    draw_ghost_maps,
    ghost_maps,
    input_images,
    parse_inside_args,
    save_figure,
    trained_model,
)
from mmghost.utils.mistakes import mistakes_named


def add_options(parser):
    parser.add_argument(
        '--image', default='0', help='a file, or the number of a test image (default: %(default)s)'
    )
    parser.add_argument(
        '--layer',
        nargs='+',
        help='Ghost modules, or other layers, whose maps are not parted '
        '(default: the second Ghost module)',
    )
    parser.add_argument(
        '--maps', type=int, default=36, help='maps in a frame at most (default: %(default)s)'
    )


def run(args):
    check_new_file(args.out)
    config, model = trained_model(args.config, args.checkpoint, args.cfg_options)
    (image,) = input_images(config, model, [args.image])
    found = ghost_maps(model, image, args.layer)
    save_figure(draw_ghost_maps(found, image, args.maps), args.out)


def main():
    args = parse_inside_args(__doc__, add_options)
    with mistakes_named():
        run(args)


if __name__ == '__main__':
    main()
