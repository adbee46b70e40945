"""Draw the intrinsic and the ghost maps of Ghost modules side by side, or the maps of any layer.

GhostNet, Figures 1, 4 and 5.
"""

import math
from typing import NamedTuple

import torch

from mmghost.layers import GhostModule
from mmghost.utils.command_line import one_line_errors

from .inputs import find_layer, input_images, make_parser, record, record_maps, trained_model
from .pictures import (
    check_new_file,
    colour_bar,
    colours_of,
    hide_ticks,
    new_figure,
    save_figure,
    scale_maps,
    show_image,
    tile,
)

_HEADING = (
    'Intrinsic maps, made by a convolution, and at the same places their ghosts, '
    'made of them by a cheap depthwise one'
)
_FRAMES = dict(intrinsic='red', output='black')  # ghosts are green, as in the paper


class LayerMaps(NamedTuple):
    """A layer's maps on an image.

    Attributes:
        layer (str): The layer's name.
        groups (dict[str, Tensor]): Maps ``(C, H, W)`` by what they are. Of a Ghost module
            'intrinsic' and 'ghost', or 'ghost 1', 'ghost 2' where there are several of each
            intrinsic map; map i of each is made of intrinsic map i. Of another layer 'output'.
    """

    layer: str
    groups: dict

    def correlations(self):
        """Give each ghost map's correlation with its intrinsic map, 0 where one is constant."""
        intrinsic = self.groups.get('intrinsic')
        ghosts = [maps for name, maps in self.groups.items() if name.startswith('ghost')]
        return torch.cat([_correlate(intrinsic[: len(maps)], maps) for maps in ghosts])


def ghost_maps(model, image, layers=None):
    """Take a network's maps apart: those that convolutions made, and their ghosts.

    GhostNet, Section 3.1, Eqs. 2 and 3, and Figures 1, 4 and 5. The maps are those of the two
    convolutions with their batch norm and activation, before they are concatenated and, in
    GhostNetV2, multiplied with the attention.

    Args:
        model (nn.Module): A detector, segmentor or classifier, in evaluation mode.
        image (InputImage): The image.
        layers (Sequence[str], optional): Names of Ghost modules or, for their maps alone, of other
            layers. By default the second Ghost module of the network, as in Figure 4.

    Returns:
        list[LayerMaps]: The maps of each layer.

    Raises:
        ValueError: If there is no such layer, or it gives no maps, or, without ``layers``, there
            is no Ghost module.
    """
    if not layers:
        names = [name for name, m in model.named_modules() if isinstance(m, GhostModule)]
        if not names:
            raise ValueError('the model has no Ghost module: name another layer with --layer.')
        layers = names[1:2] or names
    found = []
    for name in layers:
        layer = find_layer(model, name)
        if isinstance(layer, GhostModule):
            found.append(LayerMaps(name, _halves(model, name, layer, image)))
        else:
            found.append(LayerMaps(name, dict(output=record_maps(model, name, image))))
    return found


def _halves(model, name, module, image):
    parts = {part: getattr(module, part) for part in ('primary_conv', 'cheap_operation')}
    found = record(model, parts, image)
    intrinsic, ghost = (found[part][1][0] for part in parts)
    each = len(ghost) // len(intrinsic)
    ghost = ghost[: module.out_channels - len(intrinsic)]
    groups = dict(intrinsic=intrinsic)
    for index in range(each):
        groups['ghost' if each == 1 else f'ghost {index + 1}'] = ghost[index::each]
    return groups


def _correlate(first, second):
    first, second = (maps.flatten(1) - maps.flatten(1).mean(1, True) for maps in (first, second))
    norms = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(norms > 0, (first * second).sum(1) / norms.clamp(min=1e-30), 0.0)


def draw_ghost_maps(found, image, count=36):
    """Draw the maps of layers beside the image: of a Ghost module intrinsic, then ghost maps.

    GhostNet, Figure 4, whose red and green frames are kept, and Figures 1 and 5 for layers that are
    not Ghost modules. Equal places in the frames are an intrinsic map and its ghost.

    Args:
        found (list[LayerMaps]): What :func:`ghost_maps` found.
        image (InputImage): The image.
        count (int): Maps in a frame, as many as there are at most. Defaults to 36.

    Returns:
        Figure: The picture.

    Raises:
        ValueError: If ``count`` is below 1.
    """
    if count < 1:
        raise ValueError(f'the number of maps must be at least 1, not {count}.')
    frames = max(len(layer.groups) for layer in found)
    heights = [_height(layer, image, count, frames) for layer in found]
    figure = new_figure(sum(heights) + 0.4)
    figure.suptitle(_HEADING if frames > 1 else 'Feature maps', fontsize=12)
    parts = figure.subfigures(len(found), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, layer in zip(parts, found):
        _draw_layer(part, layer, image, count, frames)
    return figure


def _columns(layer, count):
    shown = min(count, max(len(maps) for maps in layer.groups.values()))
    return math.ceil(math.sqrt(shown * (2 if len(layer.groups) == 1 else 1)))


def _height(layer, image, count, frames):
    shown = min(count, max(len(maps) for maps in layer.groups.values()))
    columns = _columns(layer, count)
    _, height, width = next(iter(layer.groups.values())).shape
    frame_width = 8.4 / len(layer.groups)
    return max(2.6, frame_width * -(-shown // columns) * height / (columns * width) + 0.8)


def _draw_layer(figure, layer, image, count, frames):
    axes = figure.subplots(
        1, 1 + len(layer.groups), width_ratios=(1, *[3.6 / len(layer.groups)] * len(layer.groups))
    )
    show_image(axes[0], image)
    figure.suptitle(_title(layer), fontsize=10)
    columns = _columns(layer, count)
    values = torch.cat(list(layer.groups.values())).numpy()
    colours = colours_of(scale_maps(values))
    for axis, (name, maps) in zip(axes[1:], layer.groups.items()):
        picture = tile(scale_maps(maps[:count].numpy()), columns)
        drawn = axis.imshow(picture, **colours)
        hide_ticks(axis)
        frame = _FRAMES.get(name, 'green')
        for spine in axis.spines.values():
            spine.set(edgecolor=frame, linewidth=2.5)
        channels, height, width = maps.shape
        some = f'{count} of {channels}' if count < channels else f'{channels}'
        silent = int((maps.flatten(1).abs().amax(1) == 0).sum())
        axis.set_title(
            f'{some} {name} maps of {height}x{width}' + (f', {silent} all 0' if silent else ''),
            fontsize=9,
            color=frame,
        )
    colour_bar(drawn, "value / the map's largest magnitude")


def _title(layer):
    if 'intrinsic' not in layer.groups:
        return layer.layer
    correlations = layer.correlations()
    least, median, most = (correlations.quantile(part).item() for part in (0, 0.5, 1))
    return (
        f'{layer.layer}: correlation of a ghost with its intrinsic map: median {median:.2f}, '
        f'from {least:.2f} to {most:.2f}'
    )


def parse_args():
    parser = make_parser(__doc__)
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
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        check_new_file(args.out)
        config, model = trained_model(args.config, args.checkpoint, args.cfg_options)
        (image,) = input_images(config, model, [args.image])
        found = ghost_maps(model, image, args.layer)
        save_figure(draw_ghost_maps(found, image, args.maps), args.out)


if __name__ == '__main__':
    main()
