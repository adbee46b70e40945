"""Find similar feature maps of a layer, and predict one of each pair from the other.

GhostNet, Section 4.1.1, Table 2 and Figure 1: a d x d depthwise kernel for d = 1, 3, 5, 7, its mean
squared error, and a picture. The pairs are found by correlation, the kernels by least squares.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle

from ..text import rich_table, wide_console
from .inputs import make_parser, record_maps, run
from .pictures import (
    check_new_file,
    colour_bar,
    colours_of,
    new_figure,
    show_image,
    show_maps,
    tile,
)

KERNEL_SIZES = (1, 3, 5, 7)
PAIR_NAMES = ('red', 'green', 'blue', 'orange', 'purple', 'brown')
TYPICAL = 'typical'
_BLOCK = re.compile(r'(Bottleneck|BasicBlock|InvertedResidual)')
_SHOWN, _COLUMNS = 48, 12  # maps of a picture


class Pair(NamedTuple):
    """Two maps, and how well depthwise kernels lead from the one to the other.

    Attributes:
        name (str): Its colour in the picture, or 'typical'.
        source (int): The map that is the kernel's input.
        target (int): The map that is predicted.
        correlation (float): Between the two, over all positions of all images.
        variance (float): Of the target: the error of predicting its mean everywhere.
        mse (dict[int, float]): Mean squared error by kernel size.
    """

    name: str
    source: int
    target: int
    correlation: float
    variance: float
    mse: dict

    @property
    def colour(self):
        """str: In the picture."""
        return 'dimgray' if self.name == TYPICAL else self.name


class Similarity(NamedTuple):
    """A layer's maps on some images, ``(C, N, H, W)``, and its pairs."""

    layer: str
    maps: torch.Tensor
    pairs: list


def feature_similarity(model, images, layer=None, count=3):
    """Find similar maps of a layer, and predict one of each pair from the other.

    GhostNet, Section 4.1.1 and Table 2, which learns a d x d depthwise kernel from the first map of
    a pair to the second. Here the pairs are found by :func:`most_similar_pairs`, and the kernel is
    the least-squares solution with a bias, zero padded, one for all images. The maps are taken as
    they are, so an error is in squared units of the layer's output.

    A last, typical pair stands beside them: that of the median absolute correlation.

    Args:
        model (nn.Module): A detector, segmentor or classifier, in evaluation mode.
        images (Sequence[InputImage]): Images of one size.
        layer (str, optional): The layer's name; by default :func:`first_block`.
        count (int): Pairs to find, from 1 to 6. Defaults to 3.

    Returns:
        Similarity: The maps and the pairs.

    Raises:
        ValueError: If there is no such layer, its maps are too small for the kernels, or there are
            not enough that vary.
    """
    if not 1 <= count <= len(PAIR_NAMES):
        raise ValueError(f'the number of pairs must be from 1 to {len(PAIR_NAMES)}, not {count}.')
    layer = layer or first_block(model)
    maps = torch.stack([record_maps(model, layer, image) for image in images], 1).double()
    values, unknowns = maps[0].numel(), max(KERNEL_SIZES) ** 2 + 1
    if values <= unknowns:
        raise ValueError(
            f'a kernel of {max(KERNEL_SIZES)}x{max(KERNEL_SIZES)} and its bias need more than '
            f'{unknowns} values, but {layer!r} gives maps of {values}: take an earlier layer, or '
            'more images.'
        )
    similar, typical = most_similar_pairs(maps, count)
    pairs = []
    for name, pair in zip((*PAIR_NAMES[: len(similar)], TYPICAL), (*similar, typical)):
        source, target = maps[pair[0]], maps[pair[1]]
        errors = {
            size: (fit_kernel(source, target, size)[-1] - target).square().mean().item()
            for size in KERNEL_SIZES
        }
        pairs.append(Pair(name, *pair, target.var(correction=0).item(), errors))
    return Similarity(layer, maps, pairs)


def first_block(model):
    """str: The first residual block of a backbone or, without any, its first convolution."""
    named = list(model.backbone.named_modules(prefix='backbone'))
    blocks = [name for name, module in named if _BLOCK.search(type(module).__name__)]
    convolutions = [name for name, module in named if isinstance(module, torch.nn.Conv2d)]
    return (blocks or convolutions)[0]


def most_similar_pairs(maps, count):
    """Find the pairs of maps with the highest absolute correlation.

    Maps that do not vary are left out, and no map is in two pairs.

    Args:
        maps (Tensor): ``(C, N, H, W)``, in double precision.
        count (int): Pairs to find, as many as there are at most.

    Returns:
        tuple[list, tuple]: The pairs, best first, and the pair of the median absolute correlation
        among all; a pair is (smaller index, larger index, correlation).

    Raises:
        ValueError: If fewer than two maps vary.
    """
    flat = maps.flatten(1)
    deviations = flat.std(1)
    alive = (deviations > 1e-9 * deviations.max()).nonzero().flatten()
    if len(alive) < 2:
        raise ValueError(
            f'of {len(maps)} maps {len(alive)} vary over the images: there is no pair.'
        )
    correlation = flat[alive].corrcoef()
    first, second = torch.triu_indices(len(alive), len(alive), 1)
    values = correlation[first, second]
    every = zip(alive[first].tolist(), alive[second].tolist(), values.tolist())
    pairs = sorted(every, key=lambda pair: -abs(pair[2]))
    found, taken = [], set()
    for pair in pairs:
        if len(found) < count and taken.isdisjoint(pair[:2]):
            found.append(pair)
            taken.update(pair[:2])
    return found, pairs[len(pairs) // 2]


def fit_kernel(source, target, size):
    """Solve for the kernel that best leads from one map to another, with zeros around it.

    Linear least squares over all positions of all images.

    Args:
        source, target (Tensor): ``(N, H, W)``, in double precision.
        size (int): The kernel's size, odd.

    Returns:
        tuple[Tensor, Tensor, Tensor]: The kernel, its bias, and what they predict.
    """
    columns = F.unfold(source[:, None], size, padding=size // 2).transpose(1, 2).flatten(0, 1)
    columns = F.pad(columns, (0, 1), value=1)
    solution = torch.linalg.lstsq(columns, target.reshape(-1, 1), driver='gelsd').solution
    return solution[:-1].view(size, size), solution[-1, 0], (columns @ solution).view_as(target)


def similarity_table(found):
    """Table: The errors of a :class:`Similarity` as in GhostNet's Table 2, for rich's console."""
    channels, images, height, width = found.maps.shape
    rows = [
        (
            pair.name,
            f'{pair.source}, {pair.target}',
            f'{pair.correlation:.3f}',
            *(
                f'{_thousandths(error)} ({error / pair.variance:.1%})'
                for error in pair.mse.values()
            ),
        )
        for pair in found.pairs
    ]
    return rich_table(
        ('pair', 'maps', 'correlation', *(f'MSE, d={size}' for size in KERNEL_SIZES)),
        rows,
        title=f'{found.layer}: {channels} maps of {height}x{width}, {images} images',
        caption='MSE: mean squared error of the second map of a pair predicted from the first by '
        'a d x d kernel and a bias, in 10^-3 squared units of the output as it is; in brackets as '
        "a part of the second map's variance.",
    )


def _thousandths(value):
    return np.format_float_positional(1000 * value, 3, unique=False, fractional=False, trim='-')


def draw_similarity(found, image):
    """Draw a layer's maps on its first image, its pairs framed, and each pair with its predictions.

    GhostNet, Figure 1, and the errors of Table 2.
    """
    channels, images, height, width = found.maps.shape
    paired = {index for pair in found.pairs for index in (pair.source, pair.target)}
    others = [index for index in range(channels) if index not in paired]
    shown = sorted([*paired, *others[: _SHOWN - len(paired)]])
    rows = -(-len(shown) // _COLUMNS)
    heights = 1.2 + max(1.5, 0.7 * rows * height / width), 1.85 * len(found.pairs)
    figure = new_figure(sum(heights))
    figure.suptitle(
        f'Similar feature maps of {found.layer}, and one of each pair predicted from the other '
        f'(errors: over {images} images)',
        fontsize=12,
    )
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    _draw_all(top, found, image, shown)
    grid = bottom.subplots(len(found.pairs), 2 + len(KERNEL_SIZES), squeeze=False)
    for axes, pair in zip(grid, found.pairs):
        _draw_pair(axes, pair, found.maps)
    return figure


def _draw_all(figure, found, image, shown):
    channels, _, height, width = found.maps.shape
    some = f'{len(shown)} of the {channels}' if len(shown) < channels else f'All {channels}'
    title = f'{some} maps of {height}x{width}; each scaled for itself; framed: the pairs below'
    left, right = figure.subplots(1, 2, width_ratios=(1, 4.2))
    show_image(left, image)
    drawn = show_maps(right, tile(found.maps[shown, 0], _COLUMNS), title)
    colour_bar(drawn, "value / the map's largest magnitude")
    for pair in found.pairs:
        inside, line = (0.05 * width, '--') if pair.name == TYPICAL else (0, '-')
        style = dict(linestyle=line, edgecolor=pair.colour, linewidth=2.5, fill=False)
        for index in (pair.source, pair.target):
            row, column = divmod(shown.index(index), _COLUMNS)
            # A pixel of nothing is before each; a pixel's middle is at whole numbers
            corner = np.array([column * (width + 1), row * (height + 1)]) + 0.5
            size = width - 2 * inside, height - 2 * inside
            right.add_patch(Rectangle(corner + inside, *size, **style))
            right.text(
                *(corner + (0.1 * width, 0.9 * height)),
                str(index),
                color=pair.colour,
                fontsize=9,
                fontweight='bold',
                bbox=dict(facecolor='white', edgecolor='none', alpha=0.8, pad=1),
            )


def _draw_pair(axes, pair, maps):
    source, target = maps[[pair.source, pair.target]]
    predicted = [fit_kernel(source, target, size)[-1][0].numpy() for size in KERNEL_SIZES]
    source, target = source[0].numpy(), target[0].numpy()
    colours = colours_of(target, *predicted)
    name = f'{pair.name} pair\ncorrelation {pair.correlation:.3f}'
    axes[0].set_ylabel(name, fontsize=9, color=pair.colour)
    colour_bar(show_maps(axes[0], source, f'map {pair.source}: input'), 'feature value')
    show_maps(axes[1], target, f'map {pair.target}: to predict', colours)
    for axis, values, (size, error) in zip(axes[2:], predicted, pair.mse.items()):
        drawn = show_maps(axis, values, f'by a {size}x{size} kernel', colours)
        part = f'{error / pair.variance:.1%} of the variance'
        axis.set_xlabel(f'MSE {_thousandths(error)} · 10⁻³\n{part}', fontsize=8)
    colour_bar(drawn, 'feature value')


def draw(args, model, images):
    """Draw the figure that a command line asks for, and print or write its errors."""
    if args.json:
        check_new_file(args.json, ('.json',))
    found = feature_similarity(model, images, args.layer, args.pairs)
    if args.json:
        names = dict(config=Path(args.config).name, checkpoint=Path(args.checkpoint).name)
        shown = dict(shown=[image.name for image in images], images=len(images))
        pairs = [pair._asdict() for pair in found.pairs]
        content = names | shown | dict(layer=found.layer, pairs=pairs)
        Path(args.json).write_text(json.dumps(content, indent=1) + '\n')
    wide_console().print(similarity_table(found))
    return draw_similarity(found, images[0])


def main():
    parser = make_parser(__doc__, images=8)
    layer = 'whose output (default: the first residual block of the backbone)'
    parser.add_argument('--layer', help=layer)
    parser.add_argument('--pairs', type=int, default=3, help='from 1 to 6 (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write the numbers, too')
    run(parser, draw)


if __name__ == '__main__':
    main()
