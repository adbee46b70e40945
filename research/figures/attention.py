"""Draw where the attention at one position comes from: by layer, DFC above full attention.

GhostNetV2, Figure 6. Full attention is that of a network trained with self-attention, given by
--full. docs/look_inside.md says how both are computed.
"""

import re
from typing import NamedTuple

import torch
from matplotlib.patches import Rectangle

from mmghost.layers import DFCAttention, GhostModule, MobileViTAttention

from .inputs import find_layer, make_parser, open_model, record, run
from .pictures import new_figure, show_image, show_maps

MOST = 6  # columns of a picture
_MARK = 'red'


class AttentionMap(NamedTuple):
    """Which positions take part in the attention at one of them.

    Attributes:
        layer (str): The attention's name.
        weights (Tensor): Each position's share, ``(h, w)``, of sum 1.
        row (int): Row of the chosen position.
        column (int): Its column.
    """

    layer: str
    weights: torch.Tensor
    row: int
    column: int

    def shares(self):
        """Tell how the attention is spread.

        Returns:
            tuple[float, float, float]: The share of the position's own row and column; that share
            if all positions that take part took part evenly; and how many take part, e to the
            entropy of their shares.
        """
        reached = self.weights > 0
        crosses = (
            weights[self.row].sum() + weights[:, self.column].sum() - weights[self.row, self.column]
            for weights in (self.weights, reached / reached.sum())
        )
        spread = torch.special.entr(self.weights).sum().exp()
        return *(cross.item() for cross in crosses), spread.item()


def attention_maps(model, image, position, layers=None, full=None):
    """Give the decoupled attention at a position by layer, and full attention beside it.

    GhostNetV2, Section 5.4 and Figure 6, which does not say how it was made. *Decoupled* is the
    row of Eq. 3's F for the position, exactly: DFC attention is linear from the tokens z to what
    the sigmoid takes, so that row is a gradient; shown is the sum of its absolute values over the
    channels, as shares. *Full* is the softmax over the keys for the query at the position, the mean
    over the heads, of a network trained with self-attention. docs/look_inside.md says more.

    Where the last stages are dilated, a position sees only every d-th row and column.

    Args:
        model (nn.Module): A detector, segmentor or classifier with DFC attention, in evaluation
            mode.
        image (InputImage): The image.
        position (tuple[int, int]): y and x, in pixels of ``image.pixels``.
        layers (Sequence[str], optional): Names of attentions, or of layers that have some. By
            default at most six, evenly from the first to the last.
        full (tuple[nn.Module, InputImage], optional): The network with self-attention, and the
            same image as its config prepares it. Defaults to None.

    Returns:
        list[list[AttentionMap]]: Of each layer the decoupled and, if there is such, the full one.

    Raises:
        ValueError: If the position is outside of the image, there is no such layer, or there is no
            attention in one.
    """
    height, width = image.pixels.shape[:2]
    y, x = position
    if not (0 <= y < height and 0 <= x < width):
        raise ValueError(
            f'the position must be in the image, y from 0 to {height - 1} and x from 0 to '
            f'{width - 1}, but is {y}, {x}.'
        )
    names = _attentions(model, DFCAttention, 'DFC attention')
    if layers:
        names = [name for layer in layers for name in _inside(model, layer, names)]
    if full:
        full, full_image = full
        beside = _attentions(full, MobileViTAttention, 'self-attention (MobileViTAttention)')
        beside = {_place(name): name for name in beside}
        names = [name for name in names if _place(name) in beside]
        if not names or full_image.pixels.shape != image.pixels.shape:
            raise ValueError(
                'the two models must have attention in the same bottlenecks, and images of one '
                f'size: full attention is in {", ".join(beside)}.'
            )
    if not layers and len(names) > MOST:
        names = [names[round(index * (len(names) - 1) / (MOST - 1))] for index in range(MOST)]
    found = [[_decoupled(model, name, image, position)] for name in names]
    if full:
        for name, maps in zip(names, found):
            maps.append(_self_attention(full, beside[_place(name)], full_image, position))
    return found


def _attentions(model, kind, what):
    names = [name for name, module in model.named_modules() if isinstance(module, kind)]
    if not names:
        raise ValueError(f'the model has no {what}.')
    return names


def _inside(model, layer, names):
    """Choose the attentions in a layer."""
    find_layer(model, layer)
    inside = [name for name in names if f'{name}.'.startswith(f'{layer}.')]
    if not inside:
        raise ValueError(f'the layer {layer!r} has no DFC attention; {names[0]!r} is one.')
    return inside


def _place(name):
    """Name the bottleneck that an attention is in."""
    return re.sub(r'(\.ghost[12])?\.attention$', '', name)


def effective_weights(attention, tokens, row, column):
    """Give F of Eq. 3 for one position: the weight of every token, in every channel.

    Args:
        attention (DFCAttention): The attention, in evaluation mode.
        tokens (Tensor): z, ``(C, h, w)``, and so are the weights that are returned.
        row, column (int): The position.
    """
    with torch.enable_grad():
        tokens = tokens.detach()[None].requires_grad_()
        mixed = attention.vertical(attention.horizontal(tokens))
        # Channels do not mix, so the gradient of the sum over them has that of each
        (weights,) = torch.autograd.grad(mixed[0, :, row, column].sum(), tokens)
    return weights[0]


def _decoupled(model, name, image, position):
    attention = find_layer(model, name)
    # A Ghost module calls its attention's parts
    parent = find_layer(model, name.rpartition('.')[0])
    carrier = parent if isinstance(parent, GhostModule) else attention
    found = record(model, dict(carrier=carrier, pointwise=attention.pointwise), image)
    size, step = found['carrier'][0][0].shape[-2:], attention.dilation
    y, x = _scale(position, image, size)
    tokens = found['pointwise'][1][(y % step) * step + x % step]
    row, column = (
        where // step * grid // -(-length // step)
        for where, grid, length in zip((y, x), tokens.shape[1:], size)
    )
    weights = effective_weights(attention, tokens, row, column).abs().sum(0)
    return AttentionMap(name, weights / weights.sum(), row, column)


def _self_attention(model, name, image, position):
    attention = find_layer(model, name)
    found = record(model, dict(attention=attention, qkv=attention.qkv), image)
    step = attention.step
    height, width = (-(-length // step) for length in found['attention'][0][0].shape[-2:])
    y, x = _scale(position, image, (height * step, width * step))
    heads = found['qkv'][1][(y % step) * step + x % step].unflatten(1, (3, attention.num_heads, -1))
    queries, keys, _ = heads.permute(1, 2, 0, 3)
    query = queries[:, y // step * width + x // step]
    products = torch.einsum('hc,hlc->hl', query, keys) / query.shape[1] ** 0.5
    weights = products.softmax(1).mean(0).view(height, width)
    return AttentionMap(name, weights, y // step, x // step)


def _scale(position, image, size):
    """Find a position of the input in a map of it."""
    sides = zip(position, size, image.inputs.shape[-2:])
    return [where * length // whole for where, length, whole in sides]


def draw_attention(found, image, position):
    """Draw decoupled attention above full attention, layer by layer: GhostNetV2, Figure 6.

    Args:
        found (list[list[AttentionMap]]): What :func:`attention_maps` found.
        image (InputImage): The image.
        position (tuple[int, int]): y and x, in pixels of the image.
    """
    figure = new_figure(3.3 + 2.5 * (len(found[0]) - 1))
    y, x = position
    figure.suptitle(
        f'Which positions take part in the attention at the red mark (y = {y}, x = {x}), '
        'early to late layers',
        fontsize=12,
    )
    left, right = figure.subfigures(1, 2, width_ratios=(1.4, max(len(found), 3)))
    axes = left.subplots()
    show_image(axes, image)
    axes.plot(x, y, marker='+', color=_MARK, markersize=14, markeredgewidth=2.5)
    rows = right.subplots(len(found[0]), len(found), squeeze=False)
    for column, maps in zip(rows.T, found):
        for axes, one in zip(column, maps):
            _draw_map(axes, one)
        column[0].set_title(_short(maps[0].layer), fontsize=8)
    for axes, name in zip(rows[:, 0], ('decoupled (DFC) attention', 'trained self-attention')):
        axes.set_ylabel(name, fontsize=9)
    return figure


def _draw_map(axes, attention):
    height, width = attention.weights.shape
    drawn = show_maps(axes, 100 * attention.weights.numpy(), '')
    corner = attention.column - 0.5, attention.row - 0.5  # a pixel's middle is at whole numbers
    axes.add_patch(Rectangle(corner, 1, 1, edgecolor=_MARK, linewidth=2, fill=False))
    axes.set_xlabel(f'{height}x{width} positions', fontsize=8)
    bar = axes.figure.colorbar(drawn, ax=axes, location='bottom', shrink=0.9)
    bar.ax.tick_params(labelsize=7)
    bar.ax.set_title('share of the whole, %', fontsize=7)


def _short(name):
    return name.removeprefix('backbone.').removesuffix('.attention')


def draw(args, model, images):
    """Draw the figure that a command line asks for, and print how the attention is spread."""
    (image,), full = images, None
    if args.full:
        full_model, (full_image,) = open_model(*args.full, args.image)
        full = full_model, full_image
    position = args.position or [length // 2 for length in image.pixels.shape[:2]]
    found = attention_maps(model, image, position, args.layer, full)
    for one in (one for maps in found for one in maps):
        height, width = one.weights.shape
        cross, even, spread = one.shares()
        print(
            f'{_short(one.layer)}: {height}x{width} positions, {cross:.0%} in its row and column '
            f'(even: {even:.0%}), spread over {spread:.1f}'
        )
    return draw_attention(found, image, position)


def main():
    parser = make_parser(__doc__)
    where = 'in pixels of the image as the network gets it (default: its middle)'
    parser.add_argument('--position', nargs=2, type=int, metavar=('Y', 'X'), help=where)
    layers = 'attentions, or blocks that have some (default: six, from the first to the last)'
    parser.add_argument('--layer', nargs='+', help=layers)
    full = 'a network with self-attention in the same bottlenecks'
    parser.add_argument('--full', nargs=2, metavar=('CONFIG', 'CHECKPOINT'), help=full)
    run(parser, draw)


if __name__ == '__main__':
    main()
