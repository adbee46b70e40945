import copy

import pytest
import torch
from helpers import randomise
from mmcv.cnn import ConvModule
from mmengine.registry import DefaultScope
from torch import nn

from mmghost.deploy import to_deploy_form
from mmghost.layers import fold_norms

BN = dict(norm_cfg=dict(type='BN'))


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


def assert_same(model, x, kept_norms):
    """Fold a model's norms and compare it, in double precision."""
    randomise(model).double().eval()
    with torch.no_grad():
        expected = model(x)
        found = fold_norms(model)(x)
    assert len(norms(model)) == kept_norms
    for out, other in zip(_list(found), _list(expected)):
        torch.testing.assert_close(out, other, rtol=1e-9, atol=1e-9 * other.abs().max().item())


def _list(outs):
    if isinstance(outs, torch.Tensor):
        return [outs]
    return [part for out in outs for part in _list(out)]


class Scaled(ConvModule):
    def forward(self, x):
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    'kept_norms, layer',
    [
        (0, lambda: ConvModule(3, 8, 3, **BN)),
        (0, lambda: ConvModule(3, 8, 3, bias=True, act_cfg=dict(type='HSwish'), **BN)),
        (0, lambda: ConvModule(3, 8, 3, order=('act', 'conv', 'norm'), **BN)),
        (0, lambda: ConvModule(3, 8, 3, padding=1, padding_mode='reflect', **BN)),
        (0, lambda: ConvModule(3, 8, 3, conv_cfg=dict(type='Conv2dAdaptivePadding'), **BN)),
        (0, lambda: Scaled(3, 8, 3, **BN)),
        (1, lambda: ConvModule(3, 8, 3, efficient_conv_bn_eval=True, **BN)),
        (0, lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())),
        (0, lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, affine=False))),
        (1, lambda: ConvModule(3, 8, 3, order=('conv', 'act', 'norm'), **BN)),
        (1, lambda: ConvModule(3, 8, 3, order=('norm', 'conv', 'act'), **BN)),
        (1, lambda: ConvModule(3, 8, 3, conv_cfg=dict(type='ConvWS'), **BN)),
        (1, lambda: ConvModule(3, 8, 3, with_spectral_norm=True, **BN)),
        (1, lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8))),
        (1, lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 8, 3))),
        (
            1,
            lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, track_running_stats=False)),
        ),
        (0, lambda: ConvModule(3, 8, 3, norm_cfg=None)),
        (0, lambda: ConvModule(3, 8, 3, norm_cfg=dict(type='GN', num_groups=2))),
    ],
)
def test_layers(kept_norms, layer):
    assert_same(nn.Sequential(layer()), torch.randn(2, 3, 9, 9).double(), kept_norms)


def test_a_convolution_with_several_norms():
    conv = nn.Conv2d(3, 3, 1)
    tied = nn.Conv2d(3, 3, 1)
    tied.weight = conv.weight
    model = nn.Sequential(conv, nn.BatchNorm2d(3), conv, nn.BatchNorm2d(3), tied, nn.BatchNorm2d(3))
    assert_same(model, torch.randn(2, 3, 9, 9).double(), kept_norms=3)


def test_a_convolution_called_for_several_maps():
    layer = ConvModule(3, 3, 1, **BN)
    model = nn.ModuleDict(dict(first=layer, second=layer))
    model.forward = lambda x: model['second'](model['first'](x))
    assert_same(model, torch.randn(2, 3, 9, 9).double(), kept_norms=0)


def test_shared_head():
    from mmdet.models.dense_heads import RetinaSepBNHead

    with DefaultScope.overwrite_default_scope('mmdet'):
        head = RetinaSepBNHead(
            num_classes=3, in_channels=8, feat_channels=8, num_ins=5, norm_cfg=dict(type='BN')
        )
    maps = [torch.randn(2, 8, size, size).double() for size in (16, 8, 4, 2, 1)]
    assert_same(head, maps, kept_norms=2 * 4 * 5)


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('RepVGG', dict(arch='A0')),
        ('MobileNetV3', dict(arch='small')),
        ('ResNet', dict(depth=18)),
    ],
)
def test_backbones_of_mmpretrain(name, options):
    from mmpretrain.models import backbones

    model = getattr(backbones, name)(**options)
    x = torch.randn(4, 3, 64, 64)
    randomise(model)
    model.train()
    for norm in norms(model):  # statistics near those of its features
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad():
        model(x)
        model.double().eval()
        expected = model(x.double())[-1]
        found = to_deploy_form(model)(x.double())[-1]
    assert not norms(model)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7 * expected.abs().max().item())


@pytest.mark.parametrize('part', ['', 'conv', 'bn', 'activate'])
def test_hooks_stay(part):
    model = nn.Sequential(ConvModule(3, 8, 3, **BN))
    seen = []
    model[0].get_submodule(part).register_forward_hook(lambda *found: seen.append(found[2].clone()))
    x = torch.randn(2, 3, 9, 9).double()
    assert_same(model, x, kept_norms=0 if part in ('', 'activate') else 1)
    torch.testing.assert_close(*seen)


def test_weights_keep_their_names():
    model = fold_norms(nn.Sequential(ConvModule(3, 8, 3, **BN)).eval())
    assert list(model.state_dict()) == ['0.conv.weight', '0.conv.bias']


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_folded_exactly(dtype):
    model = randomise(ConvModule(3, 64, 3, **BN)).eval().to(dtype)
    exact = fold_norms(copy.deepcopy(model).double()).conv
    folded = fold_norms(model).conv
    assert torch.equal(folded.weight, exact.weight.to(dtype))
    assert torch.equal(folded.bias, exact.bias.to(dtype))
