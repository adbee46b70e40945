import copy

import pytest
import torch
from helpers import randomise
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmghost.layers import (
    GhostBottleneck,
    GhostModuleV2,
    MobileViTAttention,
    SqueezeExcite,
    attach_attention,
)

SE = dict(type='mmghost.SqueezeExcite')
ATTENTIONS = {
    'dfc': (dict(type='mmghost.DFCAttention'), 'gate'),
    'se': (SE, 'expanded'),
    'cbam': (dict(type='mmghost.CBAM'), 'expanded'),
    'coordinate': (dict(type='mmghost.CoordinateAttention'), 'output'),
    'mobilevit': (dict(type=MobileViTAttention), 'output'),
}


def make_block(kind, expand_ratio=6, in_channels=8, out_channels=8, stride=1, **kwargs):
    """An inverted residual of one of the packages, and copies of its layers in order."""
    mid_channels = in_channels * expand_ratio
    if kind == 'ghost':
        block = GhostBottleneck(in_channels, mid_channels, out_channels, stride=stride, **kwargs)
        layers = [block.ghost1, block.depthwise, block.ghost2]
    elif kind == 'mmdet':
        from mmdet.models.layers import InvertedResidual

        block = InvertedResidual(
            in_channels,
            out_channels,
            mid_channels,
            stride=stride,
            with_expand_conv=expand_ratio > 1,
            **kwargs,
        )
        layers = [block.expand_conv] if expand_ratio > 1 else []
        layers += [block.depthwise_conv, block.linear_conv]
    else:
        if kind == 'mmseg':
            from mmseg.models.utils import InvertedResidual
        else:
            from mmpretrain.models.backbones.mobilenet_v2 import InvertedResidual

        block = InvertedResidual(in_channels, out_channels, stride, expand_ratio, **kwargs)
        layers = list(block.conv)
    randomise(block)
    return block.eval(), copy.deepcopy(layers)


KINDS = ('mmpretrain', 'mmdet', 'mmseg', 'ghost')


def run(layers, x):
    for layer in layers:
        x = layer(x)
    return x


@pytest.mark.parametrize('size', [(9, 6), (1, 1)])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('kind', KINDS)
def test_gate_multiplies_the_expansion(kind, stride, size):
    block, layers = make_block(kind, stride=stride, out_channels=12)
    x = torch.randn(2, 8, *size)
    expanded = layers[0](x)
    plain = block(x)
    attach_attention(block, dict(type='mmghost.DFCAttention'), 'gate')
    randomise(block.attention)
    gate = block.attention(x)
    assert gate.shape == expanded.shape
    expected = run(layers[1:], expanded * gate)
    shortcut = block.shortcut(x) if kind == 'ghost' else 0
    torch.testing.assert_close(block(x), expected + shortcut)
    assert (block(x) - plain).abs().max() > 0.01


@pytest.mark.parametrize('kind', KINDS[:3])
def test_gate_multiplies_the_input_of_what_expands_nothing(kind):
    block, layers = make_block(kind, expand_ratio=1)
    attach_attention(block, dict(type='mmghost.DFCAttention'), 'gate')
    randomise(block.attention)
    x = torch.randn(2, 8, 9, 6)
    expected = run(layers, x * block.attention(x)) + x
    torch.testing.assert_close(block(x), expected)


def test_gated_ghost_bottleneck_is_ghostnetv2s():
    block, _ = make_block('ghost', stride=2)
    attach_attention(block, dict(type='mmghost.DFCAttention'), 'gate')
    theirs = GhostBottleneck(8, 48, 8, stride=2, attention_cfg=dict(type='mmghost.DFCAttention'))
    assert isinstance(theirs.ghost1, GhostModuleV2)
    theirs.load_state_dict(
        {
            key.replace('attention.', 'ghost1.attention.'): value
            for key, value in randomise(block).state_dict().items()
        }
    )
    x = torch.randn(2, 8, 9, 6)
    torch.testing.assert_close(block.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize('where', ['expanded', 'output'])
@pytest.mark.parametrize('expand_ratio', [1, 6])
@pytest.mark.parametrize('name', ['se', 'cbam', 'coordinate', 'mobilevit'])
@pytest.mark.parametrize('kind', KINDS)
def test_reweights_features(kind, name, expand_ratio, where):
    block, layers = make_block(kind, expand_ratio=expand_ratio)
    x = torch.randn(2, 8, 9, 6)
    plain = block(x)
    features = run(layers[:-1] if where == 'expanded' else layers, x)
    attach_attention(block, ATTENTIONS[name][0], where)
    randomise(block.attention)
    expected = block.attention(features)
    assert expected.shape == features.shape
    if where == 'expanded':
        expected = layers[-1](expected)
    torch.testing.assert_close(block(x), expected + x)
    assert (block(x) - plain).abs().max() > 0.01


@pytest.mark.parametrize(
    'cfg',
    [
        dict(type='mmpretrain.MobileNetV3', arch='small_075'),
        dict(type='mmpretrain.EfficientNet', arch='b0'),
        dict(type='mmdet.EfficientNet', arch='b0'),
        dict(type='mmseg.MobileNetV3', arch='small'),
    ],
    ids=lambda cfg: cfg['type'],
)
def test_other_networks_of_inverted_residuals(cfg):
    model = randomise(MODELS.build(cfg))
    model.eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        plain = model(x)[-1]
        attach_attention(model, dict(type='mmghost.DFCAttention'), 'gate', [1])
        assert (model(x)[-1] - plain).abs().max() > 1e-4


def mobilenet(package='mmpretrain', **kwargs):
    return MODELS.build(dict(type=f'{package}.MobileNetV2', widen_factor=0.25, **kwargs))


@pytest.mark.parametrize('package', ['mmpretrain', 'mmdet'])
def test_blocks_are_counted_in_the_networks_order(package):
    model = attach_attention(mobilenet(package), SE, blocks=[0, 1, 3, 16])
    with_attention = [
        name.removesuffix('.attention')
        for name, _ in model.named_modules()
        if name.endswith('.attention')
    ]
    assert with_attention == ['layer1.0', 'layer2.0', 'layer3.0', 'layer7.0']
    every = attach_attention(mobilenet(package), SE)
    assert sum(name.endswith('.attention') for name, _ in every.named_modules()) == 17


@pytest.mark.parametrize('name', ['mmghost.SqueezeExcite', SqueezeExcite])
def test_attentions_are_found_in_the_scope_of_the_network(name):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = attach_attention(mobilenet(), dict(type=name), blocks=[4])
    assert isinstance(model.layer3[1].attention, SqueezeExcite)


def test_names_of_the_networks_weights_stay():
    plain = mobilenet()
    found = attach_attention(mobilenet(), *ATTENTIONS['dfc']).load_state_dict(
        plain.state_dict(), strict=False
    )
    assert not found.unexpected_keys
    assert found.missing_keys and all('.attention.' in key for key in found.missing_keys)


@pytest.mark.parametrize('name', ATTENTIONS)
def test_copies_have_attentions_of_their_own(name):
    model = randomise(attach_attention(mobilenet(), *ATTENTIONS[name]))
    model.eval()
    other = copy.deepcopy(model)
    x = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        before = model(x)[0]
        torch.testing.assert_close(other(x)[0], before)
        for key, parameter in other.named_parameters():
            if '.attention.' in key:
                parameter.add_(1)
        assert not torch.allclose(other(x)[0], before, atol=1e-3)
        torch.testing.assert_close(model(x)[0], before)


@pytest.mark.parametrize('package', ['mmpretrain', 'mmdet'])
def test_the_network_initializes_the_attentions(package):
    model = randomise(attach_attention(mobilenet(package), SE))
    model.init_weights()
    convs = [m for name, m in model.named_modules() if name.endswith('.attention.expand.conv')]
    assert len(convs) == 17
    for conv in convs:
        assert (conv.bias == 0).all()
        # Kaiming, fan out
        assert conv.weight.std().item() == pytest.approx((2 / conv.out_channels) ** 0.5, rel=0.5)


@pytest.mark.parametrize(
    ('args', 'error', 'message'),
    [
        ((nn.Conv2d(1, 1, 1), SE), ValueError, 'model must have inverted residuals'),
        ((None, 'SE'), TypeError, 'attention_cfg must be'),
        ((None, dict(SE, init_cfg=None)), ValueError, 'attention_cfg must be'),
        ((None, {}), KeyError, '.*must contain the key "type"'),
        ((None, dict(type='Nothing')), KeyError, '.*Nothing is not in the'),
        ((None, SE, 'before'), ValueError, 'where must be'),
        ((None, SE, 'gate', 3), TypeError, 'blocks must be'),
        ((None, SE, 'output', [17]), ValueError, 'each of blocks must be'),
        ((None, SE, 'output', [-1]), ValueError, 'each of blocks must be'),
        ((None, SE, 'output', [1.0]), TypeError, 'each of blocks must be'),
        ((None, SE, 'output', [1, 1]), ValueError, 'blocks must be different'),
    ],
)
def test_invalid_arguments_are_named(args, error, message):
    model = mobilenet() if args[0] is None else args[0]
    with pytest.raises(error, match=f'^{message}'):
        attach_attention(model, *args[1:])
    assert not any(name.endswith('attention') for name, _ in model.named_modules())


def test_a_second_attention_is_refused():
    model = attach_attention(mobilenet(), SE, blocks=[2])
    with pytest.raises(ValueError, match='number 2 has one'):
        attach_attention(model, SE)
    assert sum(name.endswith('.attention') for name, _ in model.named_modules()) == 1
