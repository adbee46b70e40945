"""Other packages' backbones with Ghost modules or attentions, and GhostNet's tables of them."""

import subprocess
import sys

import pytest
import torch
from helpers import randomise
from mmengine.registry import MODELS, DefaultScope
from mmpretrain.models.backbones import ResNet
from torch import nn

from mmghost.backbones import AttentiveBackbone, GhostNet, GhostResNet, GhostVGG
from mmghost.layers import GhostModule
from mmghost.utils.complexity import count_complexity

#: Linear layers after VGG on CIFAR-10: 512 to 512 with batch norm, to 10
VGG_HEAD_WEIGHTS, VGG_HEAD_REST = 512 * 512 + 512 * 10, 512 + 2 * 512 + 10
RESNET_50_HEAD = 2048 * 1000
D8 = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
DFC = dict(attention_cfg=dict(type='mmghost.DFCAttention'), where='gate', widen_factor=0.25)


def agrees(found, stated, unit):
    """Whether a count rounds or truncates to the digits a paper states."""
    scaled = found / unit * 10 ** len(stated.partition('.')[2])
    return int(stated.replace('.', '')) in (round(scaled), int(scaled))


def count(backbone, kind):
    return sum(isinstance(module, kind) for module in backbone.modules())


@pytest.mark.parametrize(
    ('ratio', 'cheap_kernel_size', 'params', 'multiply_adds'),
    [
        (2, 1, '7.6', '157'),
        (2, 3, '7.7', '158'),
        (2, 5, '7.7', '160'),
        (2, 7, '7.7', '163'),
        (3, 3, '5.2', '107'),
        (4, 3, '4.0', '80'),
        (5, 3, '3.3', '65'),
    ],
)
def test_tables_3_and_4(ratio, cheap_kernel_size, params, multiply_adds):
    backbone = GhostVGG(16, ratio, cheap_kernel_size)
    assert count(backbone, GhostModule) == 13
    found = count_complexity(backbone, (32, 32))
    assert agrees(found.parameters + VGG_HEAD_WEIGHTS + VGG_HEAD_REST, params, 1e6)
    assert agrees(found.multiply_adds + VGG_HEAD_WEIGHTS, multiply_adds, 1e6)


def test_table_5():
    plain = GhostResNet(56, ratio=1)
    assert count(plain, GhostModule) == 0
    found = count_complexity(plain, (32, 32))
    assert agrees(found.parameters + 650, '0.85', 1e6)
    assert agrees(found.multiply_adds + 640, '125', 1e6)
    # 0.43 M and 63 M are those of d = 1
    found = count_complexity(GhostResNet(56, cheap_kernel_size=1), (32, 32))
    assert agrees(found.parameters + 650, '0.43', 1e6)
    assert agrees(found.multiply_adds + 640, '63', 1e6)


@pytest.mark.parametrize(('ratio', 'billions'), [(1, '4.1'), (2, '2.2'), (4, '1.2')])
def test_multiply_adds_of_table_6(ratio, billions):
    backbone = GhostResNet(50, ratio)
    assert type(backbone.conv1) is nn.Conv2d
    assert count(backbone, GhostModule) == (52 if ratio > 1 else 0)
    found = count_complexity(backbone, (224, 224))
    assert agrees(found.multiply_adds + RESNET_50_HEAD, billions, 1e9)


def test_dilations_are_those_of_the_replaced_convolutions():
    ghost, plain = GhostResNet(50, **D8), ResNet(50, **D8)
    for name, conv in plain.named_modules():
        if isinstance(conv, nn.Conv2d) and name != 'conv1':
            module = ghost.get_submodule(name)
            assert isinstance(module, GhostModule)
            for field in ('kernel_size', 'stride', 'padding', 'dilation'):
                assert getattr(module, field) == getattr(conv, field)


def test_arguments_of_mmpretrains_vgg():
    backbone = GhostVGG(
        11, norm_cfg=None, out_indices=(3, 4), dilations=(1, 1, 1, 1, 2), with_last_pool=False
    )
    assert count(backbone, nn.BatchNorm2d) == 0
    assert [out.shape[2:] for out in backbone(torch.randn(1, 3, 64, 64))] == [(4, 4), (4, 4)]


@pytest.mark.parametrize(
    ('cfg', 'plain'),
    [
        (dict(type='GhostResNet', depth=18), {'conv1'}),
        (dict(type='GhostResNet', depth=18, deep_stem=True), {'stem.0.conv'}),
        (dict(type='GhostResNet', depth=18, skip=()), set()),
        (
            dict(type='GhostResNet', depth=18, skip=['layer1', 'conv1']),
            {'conv1', *(f'layer1.{b}.conv{c}' for b in (0, 1) for c in (1, 2))},
        ),
        (dict(type='GhostVGG', depth=11, skip=['features.0']), {'features.0.conv'}),
    ],
)
def test_skip(cfg, plain):
    backbone = MODELS.build(dict(cfg, type=f'mmghost.{cfg["type"]}'))
    inner = ('primary_conv.conv', 'cheap_operation.conv')
    found = {name for name, module in backbone.named_modules() if type(module) is nn.Conv2d}
    assert {name for name in found if not name.endswith(inner)} == plain


@pytest.mark.parametrize('scope', ['mmdet', 'mmpretrain'])
def test_a_ghostified_network_is_that_of_the_configs_package(scope):
    cfg = dict(type='mmghost.Ghostified', model=dict(type='ResNet', depth=18), skip=['conv1'])
    with DefaultScope.overwrite_default_scope(scope):
        backbone = MODELS.build(cfg)
    assert type(backbone).__module__.startswith(f'{scope}.')
    assert isinstance(backbone.layer1[0].conv1, GhostModule)


@pytest.mark.parametrize('scope', ['mmdet', 'mmpretrain'])
@pytest.mark.parametrize('package', ['mmdet', 'mmpretrain'])
def test_an_attentive_backbone_is_the_named_packages_in_any_scope(package, scope):
    cfg = dict(DFC, type='mmghost.AttentiveBackbone', backbone=f'{package}.MobileNetV2')
    with DefaultScope.overwrite_default_scope(scope):
        backbone = randomise(MODELS.build(cfg))
    assert type(backbone).__module__ == f'{package}.models.backbones.mobilenet_v2'
    backbone.eval()
    attentions = [m for name, m in backbone.named_modules() if name.endswith('.attention')]
    assert len(attentions) == 17
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        before = backbone(x)[-1]
        for attention in attentions:
            attention.vertical.norm.bias.add_(2)
            assert (backbone(x)[-1] - before).abs().max() > 1e-4
            attention.vertical.norm.bias.sub_(2)


def test_ghostnet_with_self_attention():
    """GhostNetV2's Table 1 has 172 M multiply-adds, of a classifier."""
    backbone = AttentiveBackbone(
        'mmghost.GhostNet',
        dict(type='mmghost.MobileViTAttention'),
        where='output',
        blocks=[4, 10, 15],
        out_indices=(5,),
    )
    assert isinstance(backbone, GhostNet)
    attentions = [m for name, m in backbone.named_modules() if name.endswith('.attention')]
    assert [attention.norm.normalized_shape[0] for attention in attentions] == [40, 112, 160]
    head = 960 * 1280 + 1280 * 1000
    assert count_complexity(backbone, (224, 224)).multiply_adds + head == 172_491_056
    assert backbone.eval()(torch.randn(2, 3, 33, 64))[0].shape == (2, 960, 2, 2)


@pytest.mark.parametrize(
    ('call', 'error', 'message'),
    [
        (lambda: GhostResNet(21), ValueError, '^depth must be one of 18, 20, 32, 34, 44, 50'),
        (lambda: GhostResNet('50'), TypeError, '^depth must be'),
        (lambda: GhostResNet(18, ratio=0), ValueError, '^ratio must be'),
        (lambda: GhostResNet(20, ratio=2.0), TypeError, '^ratio must be'),
        (lambda: GhostResNet(20, skip=['layer4']), ValueError, "^skip names 'layer4'"),
        (lambda: GhostVGG(12), ValueError, '^depth must be one of 11, 13, 16, 19'),
        (lambda: GhostVGG(ratio=1), ValueError, '^ratio must be'),
        (lambda: GhostVGG(cheap_kernel_size=2), ValueError, '^cheap_kernel_size must be'),
        (lambda: AttentiveBackbone('MobileNetV2', {}), ValueError, '^backbone must be a name'),
        (lambda: AttentiveBackbone(3, {}), TypeError, '^backbone must be a name'),
        (lambda: AttentiveBackbone('nothing.Net', {}), ImportError, '^nothing.Net needs nothing'),
        (lambda: AttentiveBackbone('mmdet.NoNet', {}), KeyError, 'NoNet'),
        (
            lambda: MODELS.build(dict(type='mmghost.Ghostified', model=dict(type='mmdet.NoNet'))),
            KeyError,
            'NoNet',
        ),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize('call', ['GhostVGG()', 'GhostResNet(50)'])
def test_mmpretrain_is_imported_only_when_needed(call):
    code = (
        'import sys, mmghost; assert "mmpretrain" not in sys.modules;'
        f'sys.modules["mmpretrain"] = None; mmghost.backbones.{call}'
    )
    failed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    name = call.partition('(')[0]
    assert f'ImportError: {name} is built on a backbone of mmpretrain' in failed.stderr
    assert 'mim install mmpretrain' in failed.stderr
