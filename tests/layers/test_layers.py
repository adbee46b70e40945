import pytest
import torch
import torch.nn.functional as F
from helpers import randomise

from mmghost.layers import (
    DFCAttention,
    GhostBottleneck,
    GhostModule,
    GhostModuleV2,
    SqueezeExcite,
)

DFC = dict(type='mmghost.DFCAttention')


def test_ghost_module_is_equations_2_and_3():
    module = randomise(GhostModule(6, 11, norm_cfg=None, act_cfg=None))
    x = torch.randn(2, 6, 5, 7)
    intrinsic = F.conv2d(x, module.primary_conv.conv.weight, module.primary_conv.conv.bias)
    ghosts = torch.stack(
        [
            F.conv2d(
                intrinsic[:, i : i + 1],
                module.cheap_operation.conv.weight[i : i + 1],
                module.cheap_operation.conv.bias[i : i + 1],
                padding=1,
            )[:, 0]
            for i in range(6)
        ],
        1,
    )
    torch.testing.assert_close(module(x), torch.cat((intrinsic, ghosts), 1)[:, :11])


@pytest.mark.parametrize('ratio', [2, 3, 4, 5])
@pytest.mark.parametrize('out_channels', [1, 8, 13])
def test_ghost_module_shapes(ratio, out_channels):
    module = GhostModule(4, out_channels, kernel_size=3, ratio=ratio, cheap_kernel_size=5, stride=2)
    assert module(torch.randn(2, 4, 9, 6)).shape == (2, out_channels, 5, 3)
    intrinsic = -(-out_channels // ratio)
    assert module.primary_conv.out_channels == intrinsic
    assert module.cheap_operation.out_channels == intrinsic * (ratio - 1)


def test_ghost_module_v2_is_equation_6():
    module = randomise(GhostModuleV2(4, 10)).eval()
    x = torch.randn(2, 4, 9, 6)
    ghost = GhostModule(4, 10).eval()
    ghost.load_state_dict(module.state_dict(), strict=False)
    torch.testing.assert_close(module(x), ghost(x) * module.attention(x))


def test_dfc_attention_is_the_released_computation():
    attention = randomise(DFCAttention(4, 6, norm_cfg=None)).eval()
    x = torch.randn(2, 4, 7, 10)

    def conv(x, layer, **kwargs):
        return F.conv2d(x, layer.conv.weight, layer.conv.bias, **kwargs)

    pooled = x[..., :6, :10].reshape(2, 4, 3, 2, 5, 2).mean((3, 5))
    gate = conv(pooled, attention.pointwise)
    gate = conv(gate, attention.horizontal, padding=(0, 2), groups=6)
    gate = conv(gate, attention.vertical, padding=(2, 0), groups=6).sigmoid()
    rows = [0, 0, 0, 1, 1, 2, 2]  # floor(i * 3 / 7)
    expected = gate[:, :, rows].repeat_interleave(2, 3)
    torch.testing.assert_close(attention(x), expected)


def test_squeeze_excite():
    layer = randomise(SqueezeExcite(72)).eval()
    assert layer.reduce.out_channels == 20  # 18 rounded to a multiple of 4, not below 90 %
    x = torch.randn(2, 72, 3, 5)
    hidden = layer.reduce.conv(x.mean((2, 3), keepdim=True)).relu()
    gate = F.relu6(layer.expand.conv(hidden) + 3) / 6
    torch.testing.assert_close(layer(x), x * gate)


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


@pytest.mark.parametrize(
    ('make', 'error', 'argument'),
    [
        (lambda: GhostModule('3', 8), TypeError, 'in_channels'),
        (lambda: GhostModule(3, 0), ValueError, 'out_channels'),
        (lambda: GhostModule(3, 8, kernel_size=2), ValueError, 'kernel_size'),
        (lambda: GhostModule(3, 8, cheap_kernel_size=4), ValueError, 'cheap_kernel_size'),
        (lambda: GhostModule(3, 8, ratio=1), ValueError, 'ratio'),
        (lambda: GhostModule(3, 8, stride=0), ValueError, 'stride'),
        (lambda: GhostModuleV2(3, 8, stride=2), ValueError, 'stride'),
        (lambda: DFCAttention(3, 8, kernel_size=4), ValueError, 'kernel_size'),
        (lambda: DFCAttention(3, 8.0), TypeError, 'out_channels'),
        (lambda: SqueezeExcite(-1), ValueError, 'channels'),
        (lambda: SqueezeExcite(8, squeeze_ratio='a'), TypeError, 'squeeze_ratio'),
    ],
)
def test_invalid_arguments_are_named(make, error, argument):
    with pytest.raises(error, match=f'^{argument} must be'):
        make()


@pytest.mark.parametrize('dilation', [2, 3, 4])
@pytest.mark.parametrize('size', [(12, 12), (24, 36), (7, 10), (1, 9), (5, 1), (2, 2)])
def test_dilated_dfc_attention_attends_each_phase_by_itself(size, dilation):
    plain = randomise(DFCAttention(4, 6)).eval()
    dilated = DFCAttention(4, 6, dilation=dilation).eval()
    dilated.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, *size)
    gate = dilated(x)
    assert gate.shape == (2, 6, *size)
    whole = size[0] % dilation == 0 and size[1] % dilation == 0
    for row in range(dilation if whole else 1):
        for column in range(dilation if whole else 1):
            phase = slice(row, None, dilation), slice(column, None, dilation)
            torch.testing.assert_close(gate[(..., *phase)], plain(x[(..., *phase)]))


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
