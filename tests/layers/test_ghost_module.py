from itertools import product

import pytest
import torch
import torch.nn.functional as F
from helpers import randomise
from torch import nn

from mmghost.layers import GhostBottleneck, GhostModule, GhostModuleV2
from mmghost.utils.complexity import count_complexity

KERNELS = (1, 2, 3, (1, 7), (7, 1), (4, 3))
STRIDES = (1, 2, 4, (2, 1))
PADDINGS = (0, 1, (3, 0))
DILATIONS = (1, 2, (1, 3))


def by_equations(module, x, finish=lambda maps, layer: maps):
    """Equations 2 and 3, a ghost map at a time; ``finish`` is what follows a convolution."""
    primary, cheap = module.primary_conv, module.cheap_operation
    geometry = dict(stride=module.stride, padding=module.padding, dilation=module.dilation)
    intrinsic = finish(F.conv2d(x, primary.conv.weight, primary.conv.bias, **geometry), primary)
    size, each = cheap.conv.kernel_size[0], cheap.out_channels // intrinsic.size(1)
    top, side = (step * (size // 2) for step in module.dilation)
    ghosts = []
    for index in range(cheap.out_channels):
        source = index // each
        padded = F.pad(intrinsic[:, source : source + 1], (side, side, top, top))
        bias = None if cheap.conv.bias is None else cheap.conv.bias[index : index + 1]
        weight = cheap.conv.weight[index : index + 1]
        ghosts.append(F.conv2d(padded, weight, bias, dilation=module.dilation))
    ghosts = finish(torch.cat(ghosts, 1), cheap)
    return torch.cat((intrinsic, ghosts), 1)[:, : module.out_channels]


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('cheap_kernel_size', [1, 3, 5, 7])
@pytest.mark.parametrize(
    ('ratio', 'out_channels'), [(2, 8), (2, 7), (3, 7), (4, 8), (5, 12), (7, 8)]
)
def test_equations_2_and_3(ratio, out_channels, cheap_kernel_size, bias):
    module = GhostModule(
        3,
        out_channels,
        kernel_size=(3, 2),
        ratio=ratio,
        cheap_kernel_size=cheap_kernel_size,
        stride=(1, 2),
        dilation=(2, 1),
        padding=(1, 2),
        bias=bias,
        norm_cfg=None,
        act_cfg=None,
    )
    randomise(module).double()
    x = torch.randn(2, 3, 9, 11, dtype=torch.double)
    found = module(x)
    assert (
        found.shape
        == F.conv2d(x, x.new_zeros(out_channels, 3, 3, 2), None, (1, 2), (1, 2), (2, 1)).shape
    )
    torch.testing.assert_close(found, by_equations(module, x))


def test_norm_and_activation_follow_both_convolutions():
    module = randomise(GhostModule(3, 8, 3, act_cfg=dict(type='LeakyReLU'))).double().eval()
    x = torch.randn(2, 3, 6, 5, dtype=torch.double)

    def finish(maps, layer):
        norm = layer.norm
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        shift = norm.bias - norm.running_mean * scale
        return F.leaky_relu(maps * scale[:, None, None] + shift[:, None, None], 0.01)

    torch.testing.assert_close(module(x), by_equations(module, x, finish))


@pytest.mark.parametrize('kernel_size', KERNELS)
def test_geometry_is_that_of_conv2d(kernel_size):
    for stride, padding, dilation in product(STRIDES, PADDINGS, DILATIONS):
        geometry = dict(stride=stride, padding=padding, dilation=dilation)
        conv = nn.Conv2d(2, 5, kernel_size, **geometry)
        ghost = GhostModule(2, 5, kernel_size, **geometry)
        for size in ((19, 20), (23, 22)):
            assert ghost(torch.randn(2, 2, *size)).shape[1:] == conv(torch.randn(2, *size)).shape
        for name in ('in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation'):
            assert getattr(ghost, name) == getattr(conv, name), name


@pytest.mark.parametrize('size', [(1, 1), (1, 5), (7, 10)])
@pytest.mark.parametrize('kernel_size', [1, 5, (1, 7), (3, 1)])
def test_size_is_kept_without_padding(kernel_size, size):
    module = GhostModule(2, 6, kernel_size, dilation=(2, 1), norm_cfg=None)
    assert module(torch.randn(2, 2, *size)).shape == (2, 6, *size)


@pytest.mark.parametrize('dilation', [2, 3])
def test_dilated_ghost_module_treats_each_phase_by_itself(dilation):
    plain = randomise(GhostModule(3, 7, 3, ratio=3, cheap_kernel_size=5)).eval()
    dilated = GhostModule(3, 7, 3, ratio=3, cheap_kernel_size=5, dilation=dilation).eval()
    dilated.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 13, 12)
    found = dilated(x)
    for row, column in product(range(dilation), repeat=2):
        phase = (..., slice(row, None, dilation), slice(column, None, dilation))
        torch.testing.assert_close(found[phase], plain(x[phase]))


def test_gradients():
    module = randomise(
        GhostModule(2, 5, (1, 3), ratio=3, stride=2, padding=1, norm_cfg=None, act_cfg=None)
    ).double()
    x = torch.randn(2, 2, 4, 5, dtype=torch.double, requires_grad=True)
    parameters = list(module.parameters())
    assert torch.autograd.gradcheck(lambda x, *_: module(x), (x, *parameters))


@pytest.mark.parametrize(
    ('bias', 'norm_cfg', 'expected'),
    [
        ('auto', None, True),
        ('auto', dict(type='BN'), False),
        (True, dict(type='GN', num_groups=1), True),
        (False, None, False),
    ],
)
def test_bias(bias, norm_cfg, expected):
    module = GhostModule(2, 6, bias=bias, norm_cfg=norm_cfg)
    for layer in (module.primary_conv, module.cheap_operation):
        assert (layer.conv.bias is not None) == expected


@pytest.mark.parametrize(('ratio', 'cheap_kernel_size'), [(2, 1), (2, 7), (3, 3), (4, 5)])
def test_complexity_is_that_of_equations_4_and_5(ratio, cheap_kernel_size):
    channels, n, k, height, width = 6, 24, 3, 10, 7
    module = GhostModule(
        channels, n, k, ratio, cheap_kernel_size, stride=2, bias=False, norm_cfg=None
    )
    found = count_complexity(module, (2 * height, 2 * width), channels)
    weights = n // ratio * (channels * k**2 + (ratio - 1) * cheap_kernel_size**2)
    assert found == (weights, weights * height * width)


def test_dtype_can_be_asked_as_of_a_convolution():
    module = GhostModule(2, 6).double()
    assert module.weight is module.primary_conv.conv.weight
    assert set(dict(module.named_parameters())) == {
        f'{layer}.{name}'
        for layer in ('primary_conv', 'cheap_operation')
        for name in ('conv.weight', 'bn.weight', 'bn.bias')
    }


@pytest.mark.parametrize(
    ('kwargs', 'error', 'argument'),
    [
        (dict(kernel_size='3'), TypeError, 'kernel_size'),
        (dict(kernel_size=(3, 3, 3)), ValueError, 'kernel_size'),
        (dict(kernel_size=(3, 2)), ValueError, 'kernel_size'),
        (dict(kernel_size=0, padding=0), ValueError, 'kernel_size'),
        (dict(stride=(2, 0)), ValueError, 'stride'),
        (dict(stride=True), TypeError, 'stride'),
        (dict(dilation=1.0), TypeError, 'dilation'),
        (dict(padding=-1), ValueError, 'padding'),
        (dict(padding='same'), TypeError, 'padding'),
        (dict(ratio=2.0), TypeError, 'ratio'),
        (dict(ratio=1), ValueError, 'ratio'),
        (dict(cheap_kernel_size=2), ValueError, 'cheap_kernel_size'),
        (dict(cheap_kernel_size=(3, 3)), TypeError, 'cheap_kernel_size'),
        (dict(bias='yes'), TypeError, 'bias'),
        (dict(bias=None), TypeError, 'bias'),
        (dict(norm_cfg='BN'), TypeError, 'norm_cfg'),
        (dict(act_cfg='ReLU'), TypeError, 'act_cfg'),
        (dict(conv_cfg='Conv2d'), TypeError, 'conv_cfg'),
    ],
)
def test_invalid_arguments_are_named(kwargs, error, argument):
    with pytest.raises(error, match=f'^{argument} must be'):
        GhostModule(3, 8, **kwargs)


@pytest.mark.parametrize('name', ['kernel_size', 'stride', 'padding'])
def test_ghost_module_v2_keeps_the_size(name):
    with pytest.raises(ValueError, match=f'^{name} must be'):
        GhostModuleV2(3, 8, **{name: 2})


DFC = dict(type='mmghost.DFCAttention')


@pytest.mark.parametrize(
    ('stride', 'out_channels', 'identity'), [(1, 8, True), (1, 12, False), (2, 8, False)]
)
def test_ghost_bottleneck(stride, out_channels, identity):
    block = GhostBottleneck(
        8, 24, out_channels, kernel_size=5, stride=stride, with_se=True, attention_cfg=DFC
    )
    assert isinstance(block.shortcut, torch.nn.Identity) == identity
    expected = (2, out_channels, -(-9 // stride), -(-6 // stride))
    assert block(torch.randn(2, 8, 9, 6)).shape == expected


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('dilation', [1, 2])
@pytest.mark.parametrize('attention_cfg', [None, DFC])
@pytest.mark.parametrize('size', [(16, 16), (13, 18), (1, 5)])
def test_dilating_bottleneck_is_the_strided_one_between(stride, dilation, attention_cfg, size):
    def build(**kwargs):
        return GhostBottleneck(6, 16, 10, 5, stride, attention_cfg=attention_cfg, **kwargs)

    strided = randomise(build()).double().eval()
    dilating = build(dilation=dilation, dilate=True).double().eval()
    dilating.load_state_dict(strided.state_dict())
    x = torch.randn(2, 6, *size, dtype=torch.double)
    found = dilating(x)
    assert found.shape == (2, 10, *size)
    step = dilation * stride
    torch.testing.assert_close(found[..., ::step, ::step], strided(x[..., ::dilation, ::dilation]))
