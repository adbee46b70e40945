"""Intrinsic and ghost maps side by side."""

import math

import torch

from .figures import colour_bar, colours_of, hide_ticks, new_figure, scale_maps, show_image, tile

_HEADING = (
    'Intrinsic maps, made by a convolution, and at the same places their ghosts, '
    'made of them by a cheap depthwise one'
)
_FRAMES = dict(intrinsic='red', output='black')  # ghosts are green, as in the paper


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
