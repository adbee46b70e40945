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

from mmghost.utils.command_line import one_line_errors
from mmghost.utils.files import write_atomically

from ..text import rich_table, wide_console
from .inputs import make_parser, open_model, record_maps
from .pictures import (
    check_new_file,
    colour_bar,
    colours_of,
    frame,
    hide_ticks,
    new_figure,
    save_figure,
    scale_maps,
    show_image,
    tile,
)

KERNEL_SIZES = (1, 3, 5, 7)
PAIR_NAMES = ('red', 'green', 'blue', 'orange', 'purple', 'brown')
TYPICAL = 'typical'
_BLOCK = re.compile(r'(Bottleneck|BasicBlock|InvertedResidual)')
_SHOWN = 48
_GREY = 'dimgray'


class Pair(NamedTuple):
    """Two maps, and how well depthwise kernels lead from the one to the other.

    Attributes:
        name (str): Its colour in the picture, or 'typical'.
        source (int): The map that is the kernel's input.
        target (int): The map that is predicted.
        correlation (float): Between the two, over all positions of all images.
        variance (float): Of the target: the error of predicting its mean everywhere.
        errors (dict[int, float]): Mean squared error by kernel size.
        predicted (dict[int, Tensor]): The first image's prediction by kernel size, ``(H, W)``.
    """

    name: str
    source: int
    target: int
    correlation: float
    variance: float
    errors: dict
    predicted: dict


class Similarity(NamedTuple):
    """A layer's maps on some images, ``(C, N, H, W)``, and its pairs."""

    layer: str
    maps: torch.Tensor
    pairs: list

    def summary(self):
        """Return what JSON can hold of it."""
        channels, images, height, width = self.maps.shape
        return dict(
            layer=self.layer,
            maps=channels,
            size=[height, width],
            images=images,
            units="squared units of the layer's output, which is not normalised",
            pairs=[
                dict(
                    name=pair.name,
                    source=pair.source,
                    target=pair.target,
                    correlation=pair.correlation,
                    variance=pair.variance,
                    mse={str(size): error for size, error in pair.errors.items()},
                )
                for pair in self.pairs
            ],
        )


def feature_similarity(model, images, layer=None, count=3):
    """Find similar maps of a layer, and predict one of each pair from the other.

    GhostNet, Section 4.1.1 and Table 2, which learns a d x d depthwise kernel from the first map of
    a pair to the second. Here the pairs are found by :func:`most_similar_pairs`, and the kernel is
    the least-squares solution with a bias, zero padded, one for all images. The maps are taken as
    they are, so an error is in squared units of the layer's output.

    A last, typical pair stands beside them: that of the median absolute correlation.

    Args:
        model (nn.Module): A detector, segmentor or classifier, in evaluation mode.
        images (Sequence[InputImage]): Images that give maps of one size.
        layer (str, optional): The layer's name; by default :func:`first_block`.
        count (int): Pairs to find, from 1 to 6. Defaults to 3.

    Returns:
        Similarity: The maps and the pairs.

    Raises:
        ValueError: If there is no such layer, its maps differ in size or are too small for the
            kernels, or there are not enough that vary.
    """
    if not 1 <= count <= len(PAIR_NAMES):
        raise ValueError(f'the number of pairs must be from 1 to {len(PAIR_NAMES)}, not {count}.')
    layer = layer or first_block(model)
    found = [record_maps(model, layer, image) for image in images]
    if len({maps.shape for maps in found}) > 1:
        raise ValueError('the images must be of one size, so that their maps are.')
    maps = torch.stack(found, 1).double()
    values, unknowns = maps[0].numel(), max(KERNEL_SIZES) ** 2 + 1
    if values <= unknowns:
        raise ValueError(
            f'a kernel of {max(KERNEL_SIZES)}x{max(KERNEL_SIZES)} and its bias need more than '
            f'{unknowns} values, but {layer!r} gives maps of {values}: take an earlier layer, or '
            'more images.'
        )
    similar, typical = most_similar_pairs(maps, count)
    names = (*PAIR_NAMES[: len(similar)], TYPICAL)
    return Similarity(
        layer, maps, [_fit(name, maps, *pair) for name, pair in zip(names, (*similar, typical))]
    )


def first_block(model):
    """Name the first residual block of a model's backbone or, without any, its first convolution.

    Raises:
        ValueError: If there is neither.
    """
    named = list(model.backbone.named_modules(prefix='backbone'))
    for name, module in named:
        if _BLOCK.search(type(module).__name__):
            return name
    for name, module in named:
        if isinstance(module, torch.nn.Conv2d):
            return name
    raise ValueError('the backbone has no residual block and no convolution: give --layer.')


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
    flat = flat - flat.mean(1, keepdim=True)
    norms = flat.norm(dim=1)
    alive = (norms > 1e-9 * norms.max()).nonzero().flatten()
    if len(alive) < 2:
        raise ValueError(
            f'of {len(maps)} maps {len(alive)} vary over the images: there is no pair.'
        )
    unit = flat[alive] / norms[alive, None]
    correlation = unit @ unit.T
    first, second = torch.triu_indices(len(alive), len(alive), 1)
    order = correlation[first, second].abs().argsort(descending=True, stable=True)

    def pair(index):
        i, j = first[index], second[index]
        return alive[i].item(), alive[j].item(), correlation[i, j].item()

    found, taken = [], set()
    for index in order:
        candidate = pair(index)
        if taken.isdisjoint(candidate[:2]):
            found.append(candidate)
            taken.update(candidate[:2])
        if len(found) == count:
            break
    return found, pair(order[len(order) // 2])


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


def _fit(name, maps, source, target, correlation):
    errors, predicted = {}, {}
    for size in KERNEL_SIZES:
        *_, values = fit_kernel(maps[source], maps[target], size)
        errors[size] = (values - maps[target]).square().mean().item()
        predicted[size] = values[0]
    variance = maps[target].var(correction=0).item()
    return Pair(name, source, target, correlation, variance, errors, predicted)


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
                for error in pair.errors.values()
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
            typical, colour = pair.name == TYPICAL, _colour(pair)
            inside = 0.05 * width if typical else 0
            size = width - 2 * inside, height - 2 * inside
            line = dict(linewidth=2.5, linestyle='--' if typical else '-')
            frame(right, left + inside, top + inside, *size, colour, **line)
            box = dict(facecolor='white', edgecolor='none', alpha=0.8, pad=1)
            place = left + 0.1 * width, top + 0.9 * height
            style = dict(color=colour, fontsize=9, fontweight='bold', bbox=box)
            right.text(*place, f'{index}', **style)
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


def parse_args():
    parser = make_parser(__doc__, several=True)
    parser.add_argument(
        '--layer', help='whose output (default: the first residual block of the backbone)'
    )
    parser.add_argument('--pairs', type=int, default=3, help='from 1 to 6 (default: %(default)s)')
    parser.add_argument('--json', metavar='FILE', help='write the numbers, too')
    return parser.parse_args()


def main():
    args = parse_args()
    with one_line_errors():
        check_new_file(args.out)
        if args.json:
            check_new_file(args.json, ['.json'])
        model, images = open_model(args.config, args.checkpoint, args.image, args.cfg_options)
        found = feature_similarity(model, images, args.layer, args.pairs)
        save_figure(draw_similarity(found, images[0]), args.out)
        if args.json:
            summary = dict(
                config=Path(args.config).name,
                checkpoint=Path(args.checkpoint).name,
                shown=[image.name for image in images],
                **found.summary(),
            )
            write_atomically(f'{json.dumps(summary, indent=1)}\n'.encode(), args.json)
        wide_console().print(similarity_table(found))


if __name__ == '__main__':
    main()
