import pytest
import torch
from helpers import randomise
from stubs import Model, image
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.layers import DFCAttention, GhostModuleV2, MobileViTAttention
from mmghost.layers.attach_attention import attach_attention
from research.figures.attention import attention_maps, effective_weights, token_affinity


@pytest.mark.parametrize('position', [(0, 0), (2, 3)])
def test_effective_weights_by_brute_force(position):
    """A token at a time is moved, and what the attention becomes at the position is measured."""
    attention = randomise(DFCAttention(3, 4, 3)).double().eval()
    tokens = torch.randn(4, 6, 5, dtype=torch.double)
    found = effective_weights(attention, tokens, *position)

    def mixed(tokens):
        return attention.vertical(attention.horizontal(tokens[None]))[(0, slice(None), *position)]

    with torch.no_grad():
        for row in range(6):
            for column in range(5):
                moved = tokens.clone()
                moved[:, row, column] += 1
                torch.testing.assert_close(found[:, row, column], mixed(moved) - mixed(tokens))


@pytest.mark.parametrize(
    ('dilation', 'size', 'position'),
    [(1, (13, 15), (7, 5)), (2, (16, 24), (0, 0)), (3, (18, 24), (11, 13))],
)
def test_the_map_is_where_the_gate_comes_from(dilation, size, position):
    """The pixels that change the gate at a position are those of the map's positions."""
    module = GhostModuleV2(
        3, 8, dilation=dilation, attention_cfg=dict(type='mmghost.DFCAttention', kernel_size=3)
    )
    model = randomise(Model(module))
    shown = image(*size)
    ((found, _),) = attention_maps(model, shown, position)
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[found.row, found.column] > 0
    inputs = shown.inputs.requires_grad_()
    gate = module.attention(inputs)[0, :, position[0], position[1]].sum()
    (gradient,) = torch.autograd.grad(gate, inputs)
    touched = gradient[0].abs().sum(0) > 0
    expected = torch.zeros(size, dtype=torch.bool)
    for row, column in found.weights.nonzero().tolist():
        for y in (2 * row, 2 * row + 1):
            for x in (2 * column, 2 * column + 1):
                expected[
                    y * dilation + position[0] % dilation, x * dilation + position[1] % dilation
                ] = True
    assert torch.equal(touched, expected)


def test_token_affinity():
    tokens = torch.tensor([[[1.0, 2.0, -1.0, 0.0]], [[0.0, 0.0, 0.0, 3.0]]])
    assert token_affinity(tokens, 0, 0).tolist() == [[0.5, 0.5, 0, 0]]


@pytest.mark.parametrize('patch', [1, 2])
def test_self_attention(patch):
    """Against the attention of the pixels at the same place in their patches, by hand."""
    cfg = dict(
        type='mmghost.MobileViTAttention',
        patch_size=patch,
        act_cfg=dict(type='Sigmoid'),
        num_heads=2,
        embed_dims=6,
    )
    full = randomise(Model(GhostModuleV2(3, 8, attention_cfg=cfg)))
    model = randomise(Model(GhostModuleV2(3, 8)))
    shown = image(8, 12)
    ((_, found),) = attention_maps(model, shown, (5, 6), full=(full, shown))
    attention = full.backbone[0].attention
    with torch.no_grad():
        reduced = attention.reduce(shown.inputs)[0, :, 5 % patch :: patch, 6 % patch :: patch]
        queries, keys, _ = attention.qkv(attention.norm(reduced.permute(1, 2, 0))).chunk(3, -1)
        expected = 0
        for head in (slice(0, 3), slice(3, 6)):
            query = queries[5 // patch, 6 // patch, head]
            expected += (keys[..., head] @ query / 3**0.5).flatten().softmax(0) / 2
    torch.testing.assert_close(found.weights, expected.view(8 // patch, 12 // patch))
    assert (found.row, found.column) == (5 // patch, 6 // patch)


def test_layers_are_spread_and_chosen():
    model = nn.Module()
    model.backbone = GhostNetV2(0.5).double().eval()
    model.forward = lambda inputs, data_samples, mode: model.backbone(inputs)
    shown = image(64, 64)
    found = [pair[0] for pair in attention_maps(model, shown, (40, 20))]
    assert [each.layer for each in found] == [
        f'backbone.stages.{block}.ghost1.attention'
        for block in ('1.1', '3.0', '3.2', '3.5', '4.1', '4.4')
    ]
    assert found[0].weights.shape == (8, 8) and (found[0].row, found[0].column) == (5, 2)
    chosen = attention_maps(model, shown, (0, 0), ['backbone.stages.2'])
    assert len(chosen) == 2
    # Self-attention at other places of the bottlenecks, and only in some
    full = nn.Module()
    full.backbone = attach_attention(
        GhostNet(0.5), dict(type='mmghost.MobileViTAttention'), 'output', [4, 10]
    )
    full.double().eval()
    full.forward = lambda inputs, data_samples, mode: full.backbone(inputs)
    pairs = attention_maps(model, shown, (0, 0), full=(full, shown))
    assert [pair[0].layer.split('.ghost1')[0] for pair in pairs] == [
        pair[1].layer.removesuffix('.attention') for pair in pairs
    ]
    assert len(pairs) == 2


def test_shares_on_the_cross():
    attention = DFCAttention(3, 4, 3).eval()
    model = Model(GhostModuleV2(3, 4))
    model.backbone[0].attention = attention.double()
    for part in (attention.horizontal.conv, attention.vertical.conv):
        nn.init.ones_(part.weight)
    ((found, _),) = attention_maps(model, image(20, 20), (10, 10))
    assert found.on_cross == pytest.approx(5 / 9) == found.even_on_cross
    assert found.spread == pytest.approx(9)


def test_networks_without_attention_in_common():
    shown, decoupled = image(8, 8), Model(GhostModuleV2(3, 4))
    elsewhere = Model(nn.Conv2d(3, 8, 1), MobileViTAttention(8, 8))
    for full, message in (
        ((elsewhere, image(9, 9)), 'in the same size'),
        ((elsewhere, shown), 'in the same bottlenecks: full attention is in backbone.1'),
    ):
        with pytest.raises(ValueError, match=message):
            attention_maps(decoupled, shown, (0, 0), full=full)
