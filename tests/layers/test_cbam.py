import pytest
import torch
import torch.nn.functional as F
from helpers import randomise

from mmghost.layers import CBAM


@pytest.mark.parametrize('kernel_size', [3, 7])
@pytest.mark.parametrize('size', [(5, 7), (1, 1), (1, 6), (8, 8)])
def test_is_equations_3_and_4(size, kernel_size):
    layer = randomise(CBAM(24, reduction=8, kernel_size=kernel_size, norm_cfg=None)).eval()
    x = torch.randn(2, 24, *size)
    first, second = (part.conv for part in layer.channel)

    def perceptron(pooled):
        hidden = (pooled @ first.weight.flatten(1).T + first.bias).relu()
        return hidden @ second.weight.flatten(1).T + second.bias

    flat = x.flatten(2)
    channel = torch.sigmoid(perceptron(flat.mean(2)) + perceptron(flat.max(2).values))
    refined = x * channel[:, :, None, None]
    pooled = torch.stack((refined.mean(1), refined.max(1).values), 1)
    conv = layer.spatial.conv
    spatial = F.conv2d(pooled, conv.weight, conv.bias, padding=kernel_size // 2).sigmoid()
    expected = refined * spatial
    assert first.out_channels == 3
    torch.testing.assert_close(layer(x), expected)
    assert (expected - x).abs().max() > 0.1


def test_norm_layer_and_least_hidden_channels():
    layer = CBAM(4)
    assert layer.channel[0].out_channels == 1
    assert layer.spatial.with_norm and layer.spatial.conv.bias is None


def test_every_weight_gets_a_gradient():
    layer = randomise(CBAM(64))
    x = torch.randn(2, 64, 6, 5, requires_grad=True)
    layer(x).square().sum().backward()
    assert all(p.grad.abs().max() > 1e-6 for p in (x, *layer.parameters()))


@pytest.mark.parametrize(
    ('kwargs', 'error', 'argument'),
    [
        (dict(channels=0), ValueError, 'channels'),
        (dict(channels=8.0), TypeError, 'channels'),
        (dict(channels=8, reduction=0), ValueError, 'reduction'),
        (dict(channels=8, reduction=True), TypeError, 'reduction'),
        (dict(channels=8, kernel_size=4), ValueError, 'kernel_size'),
        (dict(channels=8, kernel_size=-1), ValueError, 'kernel_size'),
    ],
)
def test_invalid_arguments_are_named(kwargs, error, argument):
    with pytest.raises(error, match=f'^{argument} must be'):
        CBAM(**kwargs)
