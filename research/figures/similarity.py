"""How well one feature map of a pair is predicted from the other."""

import re
from typing import NamedTuple

import torch
import torch.nn.functional as F

from .layer_outputs import record_maps

KERNEL_SIZES = (1, 3, 5, 7)
PAIR_NAMES = ('red', 'green', 'blue', 'orange', 'purple', 'brown')
TYPICAL = 'typical'
_BLOCK = re.compile(r'(Bottleneck|BasicBlock|InvertedResidual)')


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

    GhostNet, Section 4.1.1 and Table 2. The paper takes three pairs of the first residual block of
    ResNet-50, and learns a d x d depthwise kernel, the first map its input and the second its
    output. Here the pairs are found by :func:`most_similar_pairs`, and the kernel is the exact
    least-squares solution, zero padded, one kernel for all the images. It has a bias, on which the
    paper says nothing, as the batch norm after a Ghost module's cheap operation gives it one. The
    maps are taken as they are, as the paper says ("raw feature maps"), so an error is in squared
    units of the layer's output; what part of the target's variance it is does not depend on units,
    and is 1 - correlation^2 for d = 1.

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
    """Solve for the size x size kernel, and its bias, that best lead from one map to another.

    Linear least squares over all positions of all images; zeros around the source.

    Args:
        source (Tensor): ``(N, H, W)``, in double precision.
        target (Tensor): Of the same shape.
        size (int): The kernel's size, odd.

    Returns:
        tuple[Tensor, Tensor, Tensor]: The kernel, ``(size, size)``, the bias, and what they
        predict, ``(N, H, W)``.
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
