import pytest
import torch
import torch.nn.functional as F
from helpers import randomise
from torch import nn

from mmghost.layers import DFCAttention, FullyConnectedDFC


def gate_before_scaling(attention, pooled):
    return attention.vertical(attention.horizontal(attention.pointwise(pooled)))


@pytest.mark.parametrize(
    ('pool', 'expected'),
    [
        ('avg', lambda x: F.avg_pool2d(x, 2)),
        ('max', lambda x: F.max_pool2d(x, 2)),
        ('bilinear', lambda x: F.interpolate(x, scale_factor=0.5, mode='bilinear')),
    ],
)
def test_pools(pool, expected):
    attention = randomise(DFCAttention(4, 6, pool=pool)).eval()
    x = torch.randn(2, 4, 8, 10)
    gate = gate_before_scaling(attention, expected(x)).sigmoid()
    torch.testing.assert_close(attention(x), gate.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize('upsample', ['nearest', 'bilinear', 'bicubic'])
@pytest.mark.parametrize('scale_first', [True, False])
@pytest.mark.parametrize(
    ('scale', 'function'),
    [
        ('sigmoid', lambda x: 1 / (1 + (-x).exp())),
        ('hard_sigmoid', lambda x: F.relu6(x + 3) / 6),
        ('clip', lambda x: x.clip(0, 1)),
    ],
)
def test_scales_before_and_after_upsampling(upsample, scale, function, scale_first):
    attention = DFCAttention(4, 6, upsample=upsample, scale=scale, scale_first=scale_first)
    randomise(attention).eval()
    x = 3 * torch.randn(2, 4, 8, 10)
    gate = gate_before_scaling(attention, F.avg_pool2d(x, 2))
    resize = nn.Upsample(scale_factor=2, mode=upsample)
    expected = resize(function(gate)) if scale_first else function(resize(gate))
    torch.testing.assert_close(attention(x), expected)
    assert attention(x).std() > 0.05


@pytest.mark.parametrize('pool', ['avg', 'max', 'bilinear'])
@pytest.mark.parametrize('upsample', ['nearest', 'bilinear', 'bicubic'])
@pytest.mark.parametrize('dilation', [1, 2, 4])
def test_every_choice_takes_any_size_and_dilates_exactly(pool, upsample, dilation):
    choices = dict(pool=pool, upsample=upsample, scale='hard_sigmoid')
    coarse = randomise(DFCAttention(4, 6, **choices)).double().eval()
    dense = DFCAttention(4, 6, dilation=dilation, **choices).double().eval()
    dense.load_state_dict(coarse.state_dict())
    for size in ((1, 1), (1, 9), (7, 2), (16, 12), (13, 19)):
        x = torch.randn(2, 4, *size, dtype=torch.double)
        found = dense(x)
        assert found.shape == (2, 6, *size)
        expected = coarse(x[..., ::dilation, ::dilation])
        torch.testing.assert_close(found[..., ::dilation, ::dilation], expected)


@pytest.mark.parametrize(
    ('error', 'argument', 'value'),
    [
        (ValueError, 'pool', 'sum'),
        (TypeError, 'pool', 2),
        (ValueError, 'upsample', 'linear'),
        (ValueError, 'scale', 'tanh'),
        (TypeError, 'scale', None),
        (TypeError, 'scale_first', 1),
    ],
)
def test_invalid_choices_are_named(error, argument, value):
    with pytest.raises(error, match=f'{argument} must be'):
        DFCAttention(4, 6, **{argument: value})


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (6, 2), (7, 5), (14, 14)])
@pytest.mark.parametrize('kernel_size', [3, 5, 11])
def test_convolutions_are_equations_4_and_5_with_shared_weights(size, kernel_size):
    attention = randomise(DFCAttention(4, 6, kernel_size, norm_cfg=None)).double()
    lines = attention.vertical.conv, attention.horizontal.conv
    for conv in lines:
        nn.init.zeros_(conv.bias)
    layer = FullyConnectedDFC.from_convolutions(*lines, size)
    x = torch.randn(2, 6, *size, dtype=torch.double)
    layer.double()
    torch.testing.assert_close(layer(x), attention.horizontal(attention.vertical(x)))
    # Zero padding along one axis commutes with the other axis' convolution
    torch.testing.assert_close(layer(x), attention.vertical(attention.horizontal(x)))


def test_fully_connected_dfc_is_the_sums_of_equations_4_and_5():
    layer = FullyConnectedDFC(2, (3, 4))
    z = torch.randn(1, 2, 3, 4)
    for c in range(2):
        columns = torch.zeros(3, 4)
        for h in range(3):
            for w in range(4):
                columns[h, w] = sum(layer.vertical[c, w, h, k] * z[0, c, k, w] for k in range(3))
        for h in range(3):
            for w in range(4):
                expected = sum(layer.horizontal[c, h, w, k] * columns[h, k] for k in range(4))
                torch.testing.assert_close(layer(z)[0, c, h, w], expected)


def test_fully_connected_dfc_learns_and_names_what_is_wrong():
    layer = FullyConnectedDFC(2, (3, 4))
    layer(torch.randn(2, 2, 3, 4)).square().sum().backward()
    assert all(p.grad.abs().min() > 0 for p in layer.parameters())
    with pytest.raises(ValueError, match=r'must be \(N, 2, 3, 4\), but is \(1, 2, 4, 3\)'):
        layer(torch.randn(1, 2, 4, 3))
    for error, size in (
        (TypeError, 7),
        (ValueError, (7,)),
        (ValueError, (7, 0)),
        (TypeError, 'ab'),
    ):
        with pytest.raises(error, match='size must be'):
            FullyConnectedDFC(2, size)
