"""Draw the intrinsic and the ghost maps of Ghost modules side by side, or the maps of any layer.

GhostNet, Figures 1, 4 and 5.
"""

import math
from typing import NamedTuple

import torch

from mmghost.layers import GhostModule
from mmghost.utils.command_line import one_line_errors

from .inputs import find_layer, make_parser, open_model, record, record_maps
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
    """Draw at most ``count`` maps of each layer beside the image: intrinsic, then ghost maps.

    GhostNet, Figure 4, whose red and green frames are kept, and Figures 1 and 5 for layers that are
    not Ghost modules. Equal places in the frames are an intrinsic map and its ghost.
    """
    if count < 1:
        raise ValueError(f'the number of maps must be at least 1, not {count}.')
    columns, heights = [], []
    for layer in found:
        groups = list(layer.groups.values())
        shown = min(count, max(map(len, groups)))
        columns.append(math.ceil(math.sqrt(shown * (2 if len(groups) == 1 else 1))))
        height, width = groups[0].shape[1:]
        rows = -(-shown // columns[-1])
        heights.append(max(2.6, 8.4 / len(groups) * rows * height / columns[-1] / width + 0.8))
    figure = new_figure(sum(heights) + 0.4)
    ghosts = any('intrinsic' in layer.groups for layer in found)
    figure.suptitle(_HEADING if ghosts else 'Feature maps', fontsize=12)
    parts = figure.subfigures(len(found), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, layer, wide in zip(parts, found, columns):
        _draw_layer(part, layer, image, count, wide)
    return figure


def _draw_layer(figure, layer, image, count, columns):
    parts = len(layer.groups)
    first, *others = figure.subplots(1, 1 + parts, width_ratios=(1, *[3.6 / parts] * parts))
    show_image(first, image)
    figure.suptitle(_title(layer), fontsize=10)
    colours = colours_of(scale_maps(torch.cat(list(layer.groups.values())).numpy()))
    for axis, (name, maps) in zip(others, layer.groups.items()):
        drawn = axis.imshow(tile(scale_maps(maps[:count].numpy()), columns), **colours)
        hide_ticks(axis)
        colour = _FRAMES.get(name, 'green')
        for spine in axis.spines.values():
            spine.set(edgecolor=colour, linewidth=2.5)
        channels, height, width = maps.shape
        some = f'{count} of {channels}' if count < channels else f'{channels}'
        silent = int((maps.flatten(1).abs().amax(1) == 0).sum())
        title = f'{some} {name} maps of {height}x{width}' + (f', {silent} all 0' if silent else '')
        axis.set_title(title, fontsize=9, color=colour)
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
        model, (image,) = open_model(args.config, args.checkpoint, args.image, args.cfg_options)
        found = ghost_maps(model, image, args.layer)
        save_figure(draw_ghost_maps(found, image, args.maps), args.out)


if __name__ == '__main__':
    main()
