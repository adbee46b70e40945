import pytest
import torch
import torch.nn.functional as F
from helpers import randomise

from mmghost.layers import CoordinateAttention


@pytest.mark.parametrize('size', [(5, 7), (1, 1), (1, 6), (8, 3)])
def test_is_equations_4_to_9(size):
    layer = randomise(CoordinateAttention(24, reduction=2, norm_cfg=None)).eval()
    x = torch.randn(2, 24, *size)

    def matrix(part, pooled):
        product = torch.einsum('oc,ncl->nol', part.conv.weight[..., 0, 0], pooled)
        return product + part.conv.bias[:, None]

    def reduced(pooled):
        pooled = matrix(layer.reduce, pooled)
        return pooled * F.relu6(pooled + 3) / 6

    rows = matrix(layer.rows, reduced(x.sum(3) / size[1])).sigmoid()
    columns = matrix(layer.columns, reduced(x.sum(2) / size[0])).sigmoid()
    expected = torch.einsum('nchw,nch,ncw->nchw', x, rows, columns)
    assert layer.reduce.out_channels == 12
    torch.testing.assert_close(layer(x), expected)
    assert (expected - x).abs().max() > 0.1


def test_rows_and_columns_share_the_norm_layer():
    layer = randomise(CoordinateAttention(6)).train()
    x = torch.randn(3, 6, 4, 9)
    seen = []
    layer.reduce.norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape))
    layer(x)
    assert seen == [(3, 8, 13, 1)]  # 8 channels at least, 4 rows and 9 columns


def test_transposing_swaps_rows_and_columns():
    layer = randomise(CoordinateAttention(16)).eval()
    other = CoordinateAttention(16).eval()
    state = layer.state_dict()
    swap = dict(rows='columns', columns='rows')
    other.load_state_dict(
        {
            '.'.join([swap.get(k.split('.')[0], k.split('.')[0]), *k.split('.')[1:]]): v
            for k, v in state.items()
        }
    )
    x = torch.randn(2, 16, 5, 8)
    assert not torch.allclose(layer(x), other(x), atol=1e-3)
    torch.testing.assert_close(layer(x), other(x.transpose(2, 3)).transpose(2, 3))


def test_every_weight_gets_a_gradient():
    layer = randomise(CoordinateAttention(24))
    x = torch.randn(2, 24, 6, 5, requires_grad=True)
    layer(x).square().sum().backward()
    assert all(p.grad.abs().max() > 1e-6 for p in (x, *layer.parameters()))


@pytest.mark.parametrize(
    ('kwargs', 'error', 'argument'),
    [
        (dict(channels=0), ValueError, 'channels'),
        (dict(channels='8'), TypeError, 'channels'),
        (dict(channels=8, reduction=0), ValueError, 'reduction'),
        (dict(channels=8, min_channels=0), ValueError, 'min_channels'),
        (dict(channels=8, min_channels=1.5), TypeError, 'min_channels'),
    ],
)
def test_invalid_arguments_are_named(kwargs, error, argument):
    with pytest.raises(error, match=f'^{argument} must be'):
        CoordinateAttention(**kwargs)
