"""Pairs of similar maps, and what kernels predict of them, as a table and as a picture."""

import numpy as np
from matplotlib.patches import Rectangle
from rich.table import Table

from .feature_similarity import KERNEL_SIZES, TYPICAL
from .figures import (
    colour_bar,
    colours_of,
    hide_ticks,
    new_figure,
    scale_maps,
    show_image,
    tile,
)

_SHOWN = 48
_GREY = 'dimgray'


def similarity_table(found):
    """Return the errors as a table like GhostNet's Table 2.

    Args:
        found (Similarity): What :func:`feature_similarity` found.

    Returns:
        Table: For rich's console.
    """
    channels, images, height, width = found.maps.shape
    table = Table(
        title=f'{found.layer}: {channels} maps of {height}x{width}, {images} images',
        caption='MSE: mean squared error of the second map of a pair predicted from the first by '
        'a d x d kernel and a bias, in 10^-3 squared units of the output as it is; in brackets as '
        "a part of the second map's variance.",
    )
    headings = ('pair', 'maps', 'correlation', *(f'MSE, d={size}' for size in KERNEL_SIZES))
    for heading in headings:
        table.add_column(heading, justify='left' if heading == 'pair' else 'right')
    for pair in found.pairs:
        table.add_row(
            pair.name,
            f'{pair.source}, {pair.target}',
            f'{pair.correlation:.3f}',
            *(_error(pair, size) for size in KERNEL_SIZES),
        )
    return table


def _error(pair, size):
    error = pair.errors[size]
    return f'{_thousandths(error)} ({error / pair.variance:.1%})'


def _thousandths(value):
    return np.format_float_positional(1000 * value, 3, unique=False, fractional=False, trim='-')


def draw_similarity(found, image):
    """Draw a layer's maps, its pairs framed, and below each pair with its predictions.

    GhostNet, Figure 1, and the errors of Table 2.

    Args:
        found (Similarity): What :func:`feature_similarity` found.
        image (InputImage): The first of its images, which is the one that is shown.

    Returns:
        Figure: The picture.
    """
    shown = _shown(found)
    columns = min(12, max(8, -(-len(shown) // 2)))
    _, _, height, width = found.maps.shape
    top_height = max(2.3, 8.2 / columns * -(-len(shown) // columns) * height / width) + 0.5
    pairs_height = 1.85 * len(found.pairs) + 0.2
    figure = new_figure(top_height + pairs_height + 0.3)
    figure.suptitle(
        f'Similar feature maps of {found.layer}, and one of each pair predicted from the other '
        f'(errors: over {found.maps.shape[1]} images)',
        fontsize=12,
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=(top_height, pairs_height))
    _draw_all(top, found, image, shown, columns)
    _draw_pairs(bottom, found)
    return figure


def _shown(found):
    """Choose maps: those of the pairs, and the first others."""
    paired = {index for pair in found.pairs for index in (pair.source, pair.target)}
    others = [index for index in range(len(found.maps)) if index not in paired]
    return sorted([*paired, *others[: _SHOWN - len(paired)]])


def _draw_all(figure, found, image, shown, columns):
    left, right = figure.subplots(1, 2, width_ratios=(1, 4.2))
    show_image(left, image)
    maps = scale_maps(found.maps[shown, 0].numpy())
    drawn = right.imshow(tile(maps, columns), **colours_of(maps))
    hide_ticks(right)
    channels, _, height, width = found.maps.shape
    some = f'{len(shown)} of the {channels}' if len(shown) < channels else f'All {channels}'
    right.set_title(
        f'{some} maps of {height}x{width}; each scaled for itself; framed: the pairs below',
        fontsize=9,
    )
    for pair in found.pairs:
        for index in (pair.source, pair.target):
            row, column = divmod(shown.index(index), columns)
            left, top = column * (width + 1) - 0.5, row * (height + 1) - 0.5
            inside = 0.05 * width if pair.name == TYPICAL else 0
            right.add_patch(
                Rectangle(
                    (left + inside, top + inside),
                    width - 2 * inside,
                    height - 2 * inside,
                    fill=False,
                    edgecolor=_colour(pair),
                    linewidth=2.5,
                    linestyle='--' if pair.name == TYPICAL else '-',
                )
            )
            right.text(
                left + 0.1 * width,
                top + 0.9 * height,
                f'{index}',
                color=_colour(pair),
                fontsize=9,
                fontweight='bold',
                bbox=dict(facecolor='white', edgecolor='none', alpha=0.8, pad=1),
            )
    colour_bar(drawn, "value / the map's largest magnitude")


def _draw_pairs(figure, found):
    grid = figure.subplots(len(found.pairs), 2 + len(KERNEL_SIZES), squeeze=False)
    for axes, pair in zip(grid, found.pairs):
        source, target = (found.maps[index, 0].numpy() for index in (pair.source, pair.target))
        predicted = [pair.predicted[size].numpy() for size in KERNEL_SIZES]
        axes[0].set_ylabel(
            f'{pair.name} pair\ncorrelation {pair.correlation:.3f}',
            fontsize=9,
            color=_colour(pair),
        )
        drawn = axes[0].imshow(source, **colours_of(source))
        colour_bar(drawn, 'feature value')
        axes[0].set_title(f'map {pair.source}: input', fontsize=9)
        colours = colours_of(np.stack([target, *predicted]))
        axes[1].imshow(target, **colours)
        axes[1].set_title(f'map {pair.target}: to predict', fontsize=9)
        for axis, values, size in zip(axes[2:], predicted, KERNEL_SIZES):
            drawn = axis.imshow(values, **colours)
            axis.set_title(f'by a {size}x{size} kernel', fontsize=9)
            axis.set_xlabel(
                f'MSE {_thousandths(pair.errors[size])} · 10⁻³\n'
                f'{pair.errors[size] / pair.variance:.1%} of the variance',
                fontsize=8,
            )
        colour_bar(drawn, 'feature value')
        for axis in axes:
            hide_ticks(axis)


def _colour(pair):
    return _GREY if pair.name == TYPICAL else pair.name
