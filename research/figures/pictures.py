"""Figures of maps, and their files."""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mmghost.utils.files import write_atomically
from mmghost.utils.outputs import check_folder

_SMALL = 7


def new_figure(height):
    """Return an empty figure 1200 pixels wide, its height in inches of 100 pixels."""
    figure = Figure((12, height), dpi=100, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def check_new_file(file, suffixes=None):
    """Raise an OSError or ValueError unless a file can be written where nothing is.

    Its suffix must be one of ``suffixes``, by default the formats of pictures.
    """
    file = Path(file)
    suffixes = suffixes or ('.png', '.jpg', '.pdf', '.svg')
    if file.suffix.lower() not in suffixes:
        raise ValueError(f'{file} must end in one of {", ".join(suffixes)}.')
    if file.exists():
        raise FileExistsError(f'{file} exists: give another name.')
    check_folder(file.parent)


def save_figure(figure, file):
    """Write a figure, whole or not at all, in the format of the file's suffix."""
    content = io.BytesIO()
    figure.savefig(content, format=Path(file).suffix[1:].lower())
    write_atomically(content.getvalue(), file)


def show_image(axes, image):
    """Draw an input image with its size in pixels on the axes."""
    axes.imshow(image.pixels, cmap='gray', vmin=0, vmax=1)
    height, width = image.pixels.shape[:2]
    axes.set_title(image.name, fontsize=9)
    axes.set_xlabel(f'x, {width} pixels', fontsize=8)
    axes.set_ylabel(f'y, {height} pixels', fontsize=8)
    axes.tick_params(labelsize=_SMALL)


def frame(axes, left, top, width, height, colour, **style):
    """Frame a part of a map; a pixel's middle is at whole numbers."""
    style = dict(edgecolor=colour, linewidth=2, fill=False) | style
    axes.add_patch(Rectangle((left, top), width, height, **style))


def hide_ticks(axes):
    """Leave out the axes' ticks, which would count pixels of maps."""
    axes.set(xticks=[], yticks=[])


def colour_bar(shown, label):
    """Draw a colour bar, as high as the axes beside it, that says what it measures."""
    axes = shown.axes
    bar = axes.figure.colorbar(shown, cax=axes.inset_axes([1.03, 0, 0.05, 1]))
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=_SMALL)


def colours_of(values):
    """dict: Colours of ``imshow``: from 0 up, or blue below 0 and red above it."""
    top = float(np.abs(values).max()) or 1.0
    if values.min() >= 0:
        return dict(cmap='viridis', vmin=0, vmax=top)
    return dict(cmap='RdBu_r', vmin=-top, vmax=top)


def scale_maps(maps):
    """Divide each map of an ndarray ``(C, H, W)`` by its own largest magnitude, if it has one."""
    top = np.abs(maps).max((1, 2), keepdims=True)
    return maps / np.where(top == 0, 1, top)


def tile(maps, columns):
    """Lay maps ``(C, H, W)`` out row by row, a pixel of nothing, NaN, between them."""
    count, height, width = maps.shape
    rows = -(-count // columns)
    empty = np.full((rows * columns, height + 1, width + 1), np.nan)
    empty[:count, :height, :width] = maps
    grid = empty.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), -1)[:-1, :-1]
