"""Decoupled and full attention at a position, by layer."""

from matplotlib.patches import Rectangle
from rich.table import Table

from .figures import hide_ticks, new_figure, show_image

_MARK = 'red'


def attention_table(found):
    """Return how attention is spread over positions, as a table.

    Args:
        found (list[tuple[AttentionMap, AttentionMap]]): What :func:`attention_maps` found.

    Returns:
        Table: For rich's console.
    """
    table = Table(
        caption="cross: share of the attention in the position's own row and column, in brackets "
        'what it would be if all positions that take part did so evenly; spread: e to the entropy '
        'of the shares, in positions.'
    )
    headings = ('layer', 'positions', 'decoupled: cross', 'spread', 'full: cross', 'spread')
    for heading in headings:
        table.add_column(heading, justify='left' if heading == 'layer' else 'right')
    for decoupled, full in found:
        height, width = decoupled.weights.shape
        table.add_row(
            _short(decoupled.layer),
            f'{height}x{width}',
            *(
                cell
                for attention in (decoupled, full)
                for cell in (
                    f'{attention.on_cross:.0%} ({attention.even_on_cross:.0%})',
                    f'{attention.spread:.1f}',
                )
            ),
        )
    return table


def draw_attention(found, image, position, full_name):
    """Draw, for a position of an image, decoupled attention above full attention, layer by layer.

    GhostNetV2, Figure 6.

    Args:
        found (list[tuple[AttentionMap, AttentionMap]]): What :func:`attention_maps` found.
        image (InputImage): The image.
        position (tuple[int, int]): y and x, in pixels of the image.
        full_name (str): What the full attention is.

    Returns:
        Figure: The picture.
    """
    figure = new_figure(5.8)
    y, x = position
    figure.suptitle(
        f'Which positions take part in the attention at the red mark (y = {y}, x = {x}), '
        'early to late layers',
        fontsize=12,
    )
    left, right = figure.subfigures(1, 2, width_ratios=(1.4, max(len(found), 3)))
    axis = left.subplots()
    show_image(axis, image)
    axis.plot(x, y, marker='+', color=_MARK, markersize=14, markeredgewidth=2.5)
    rows = right.subplots(2, len(found), squeeze=False)
    names = ('decoupled (DFC) attention:\nlearnt weights', full_name)
    for column, pair in enumerate(found):
        for axis, attention, name in zip(rows[:, column], pair, names):
            _draw_map(right, axis, attention, image)
            if column == 0:
                axis.set_ylabel(name, fontsize=9)
        rows[0, column].set_title(_short(pair[0].layer), fontsize=8)
    return figure


def _draw_map(figure, axis, attention, image):
    height, width = attention.weights.shape
    drawn = axis.imshow(100 * attention.weights.numpy(), cmap='viridis', vmin=0)
    axis.add_patch(
        Rectangle(
            (attention.column - 0.5, attention.row - 0.5),
            1,
            1,
            fill=False,
            edgecolor=_MARK,
            linewidth=2,
        )
    )
    hide_ticks(axis)
    axis.set_xlabel(
        f'{height}x{width} positions\n{attention.on_cross:.0%} in its row and\n'
        f'column (even: {attention.even_on_cross:.0%})',
        fontsize=8,
    )
    bar = figure.colorbar(drawn, ax=axis, location='bottom', shrink=0.9)
    bar.ax.tick_params(labelsize=7)
    bar.ax.set_title('share of the whole, %', fontsize=7)


def _short(name):
    return name.removeprefix('backbone.').removesuffix('.attention')
