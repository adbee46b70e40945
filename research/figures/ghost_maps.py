"""Draw the intrinsic and the ghost maps of Ghost modules side by side, or the maps of any layer.

GhostNet, Figures 1, 4 and 5.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F

from mmghost.layers import GhostModule

from .inputs import find_layer, make_parser, record, record_maps, run
from .pictures import colour_bar, colours_of, new_figure, show_image, show_maps, tile

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
        intrinsic, *ghosts = (
            maps.flatten(1) - maps.flatten(1).mean(1, keepdim=True) for maps in self.groups.values()
        )
        return torch.cat([F.cosine_similarity(intrinsic[: len(one)], one) for one in ghosts])


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
            found.append(LayerMaps(name, _halves(model, layer, image)))
        else:
            found.append(LayerMaps(name, dict(output=record_maps(model, name, image))))
    return found


def _halves(model, module, image):
    parts = {part: getattr(module, part) for part in ('primary_conv', 'cheap_operation')}
    found = record(model, parts, image)
    intrinsic, ghost = (found[part][1][0] for part in parts)
    each = len(ghost) // len(intrinsic)
    ghost = ghost[: module.out_channels - len(intrinsic)]
    names = ['ghost'] if each == 1 else [f'ghost {index + 1}' for index in range(each)]
    return dict(intrinsic=intrinsic) | {name: ghost[i::each] for i, name in enumerate(names)}


def draw_ghost_maps(found, image, count=36):
    """Draw at most ``count`` maps of each layer beside the image: intrinsic, then ghost maps.

    GhostNet, Figure 4, whose red and green frames are kept, and Figures 1 and 5 for layers that are
    not Ghost modules. Equal places in the frames are an intrinsic map and its ghost.
    """
    if count < 1:
        raise ValueError(f'the number of maps must be at least 1, not {count}.')
    figure = new_figure(4.8 * len(found) + 0.4)
    ghosts = any('intrinsic' in layer.groups for layer in found)
    figure.suptitle(_HEADING if ghosts else 'Feature maps', fontsize=12)
    parts = figure.subfigures(len(found), 1, squeeze=False)[:, 0]
    for part, layer in zip(parts, found):
        _draw_layer(part, layer, image, count)
    return figure


def _draw_layer(figure, layer, image, count):
    groups = layer.groups
    first, *others = figure.subplots(
        1, 1 + len(groups), width_ratios=(1, *[3.6 / len(groups)] * len(groups))
    )
    show_image(first, image)
    figure.suptitle(_title(layer), fontsize=10)
    most = max(map(len, groups.values()))
    columns = math.ceil(math.sqrt(min(count, most) * (2 if len(groups) == 1 else 1)))
    tiles = [tile(maps[:count], columns) for maps in groups.values()]
    for axes, (name, maps), values in zip(others, groups.items(), tiles):
        channels, height, width = maps.shape
        some = f'{count} of {channels}' if count < channels else f'{channels}'
        silent = int((maps.flatten(1) == 0).all(1).sum())
        title = f'{some} {name} maps of {height}x{width}' + (f', {silent} all 0' if silent else '')
        drawn = show_maps(axes, values, title, colours_of(*tiles))
        colour = _FRAMES.get(name, 'green')
        axes.title.set_color(colour)
        axes.spines[:].set(edgecolor=colour, linewidth=2.5)
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


def draw(args, model, images):
    """Draw the figure that a command line asks for."""
    return draw_ghost_maps(ghost_maps(model, images[0], args.layer), images[0], args.maps)


def main():
    parser = make_parser(__doc__)
    layers = 'Ghost modules, or layers to be shown whole (default: the second Ghost module)'
    parser.add_argument('--layer', nargs='+', help=layers)
    most = 'maps in a frame at most (default: %(default)s)'
    parser.add_argument('--maps', type=int, default=36, help=most)
    run(parser, draw)


if __name__ == '__main__':
    main()
