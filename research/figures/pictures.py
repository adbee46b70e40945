"""Figures of maps, and their files."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torchvision.utils import make_grid

from mmghost.utils.outputs import check_folder

_SMALL = 7


def new_figure(height):
    """Return an empty figure 1200 pixels wide, its height in inches of 100 pixels."""
    return Figure((12, height), dpi=100, layout='constrained')


def check_new_file(file, suffixes=('.png', '.jpg', '.pdf', '.svg')):
    """Raise an OSError or ValueError unless a file can be written where nothing is.

    Its suffix must be one of ``suffixes``, by default the formats of pictures.
    """
    file = Path(file)
    if file.suffix.lower() not in suffixes:
        raise ValueError(f'{file} must end in one of {", ".join(suffixes)}.')
    if file.exists():
        raise FileExistsError(f'{file} exists: give another name.')
    check_folder(file.parent)
    file.parent.mkdir(parents=True, exist_ok=True)


def show_image(axes, image):
    """Draw an input image with its size in pixels on the axes."""
    axes.imshow(image.pixels, cmap='gray', vmin=0, vmax=1)
    height, width = image.pixels.shape[:2]
    axes.set_title(image.name, fontsize=9)
    axes.set_xlabel(f'x, {width} pixels', fontsize=8)
    axes.set_ylabel(f'y, {height} pixels', fontsize=8)
    axes.tick_params(labelsize=_SMALL)


def show_maps(axes, values, title, colours=None):
    """Draw a map or several, ``(H, W)``; give what is drawn, for :func:`colour_bar`."""
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)
    return axes.imshow(values, **(colours or colours_of(values)))


def colour_bar(shown, label):
    """Draw a colour bar, as high as the axes beside it, that says what it measures."""
    axes = shown.axes
    bar = axes.figure.colorbar(shown, cax=axes.inset_axes([1.03, 0, 0.05, 1]))
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=_SMALL)


def colours_of(*maps):
    """dict: Colours of ``imshow``: from 0 up, or blue below 0 and red above it."""
    top = max(np.nanmax(np.abs(values)) for values in maps) or 1
    if min(np.nanmin(values) for values in maps) >= 0:
        return dict(cmap='viridis', vmin=0, vmax=top)
    return dict(cmap='RdBu_r', vmin=-top, vmax=top)


def tile(maps, columns):
    """Lay maps ``(C, H, W)`` out row by row, each divided by its own largest magnitude.

    Returns:
        ndarray: The tiles, a pixel of nothing, NaN, around each.
    """
    top = maps.abs().amax((1, 2), keepdim=True)
    scaled = maps / torch.where(top == 0, 1, top)
    return make_grid(scaled[:, None], columns, padding=1, pad_value=float('nan'))[0].numpy()
