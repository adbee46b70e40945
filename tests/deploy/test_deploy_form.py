import copy

import pytest
import torch
from helpers import randomise, settle
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.deploy import to_deploy_form
from mmghost.deploy.packing import TARGETS, PackedBackbone
from mmghost.layers import GhostBottleneck, attach_attention

ALL = (0, 1, 2, 3, 4, 5)


def relative_error(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


def assert_same_function(backbone, *sizes, packed=False):
    settle(backbone)
    inputs = [torch.randn(1, 3, *size, dtype=torch.double) for size in sizes]
    with torch.no_grad():
        expected = [backbone(x) for x in inputs]
        for target in ('torch', *TARGETS):
            deployed = to_deploy_form(copy.deepcopy(backbone), target)
            assert isinstance(deployed, PackedBackbone) == (packed and target != 'torch')
            for x, outs in zip(inputs, expected):
                for found, out in zip(deployed(x), outs):
                    assert out.std() > 1e-3
                    assert relative_error(found, out) < 1e-9
            for found, out in zip(deployed.float()(inputs[0].float()), expected[0]):
                assert relative_error(found, out) < 1e-4


@pytest.mark.parametrize('backbone_class', [GhostNet, GhostNetV2])
@pytest.mark.parametrize(
    'width',
    [
        0.5,
        *(pytest.param(width, marks=pytest.mark.slow) for width in (1.0, 1.1, 1.3, 1.4, 1.6, 1.7)),
    ],
)
def test_every_width(backbone_class, width):
    backbone = backbone_class(width, out_indices=ALL)
    assert_same_function(backbone, (64, 64), (33, 49), (1, 5), packed=True)
    backbone.switch_to_deploy()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules())


@pytest.mark.parametrize('output_stride', [8, 16])
def test_every_output_stride(output_stride):
    backbone = GhostNetV2(0.5, out_indices=ALL, output_stride=output_stride)
    assert_same_function(backbone, (64, 64), (33, 49), (5, 1), packed=True)


@pytest.mark.parametrize(
    'packed, options',
    [
        (False, dict(enhance='both')),
        (
            True,
            dict(
                attention_cfg=dict(type='mmghost.DFCAttention', scale='clip', upsample='bilinear')
            ),
        ),
        (True, dict(attention_cfg=dict(type='mmghost.DFCAttention', pool='max', kernel_size=7))),
        (True, dict(attention_cfg=[None, dict(type='mmghost.DFCAttention'), *[None] * 14])),
        (False, dict(norm_cfg=dict(type='GN', num_groups=2))),
        (False, dict(act_cfg=dict(type='HSwish'))),
        (False, dict(conv_cfg=dict(type='ConvWS'))),
        (False, dict(conv_cfg=dict(type='ConvAWS'))),
        (False, dict(conv_cfg=dict(type='Conv2dAdaptivePadding'))),
        (True, dict(norm_cfg=dict(type='BN', affine=False))),
        (True, dict(frozen_stages=2, norm_eval=True)),
        (False, dict(conv_cfg=dict(type='Conv2d', padding_mode='circular'), out_indices=(1,))),
    ],
)
def test_options(packed, options):
    assert_same_function(GhostNetV2(0.5, **options), (65, 33), (64, 32), packed=packed)


@pytest.mark.parametrize('where', ['gate', 'expanded', 'output'])
def test_attached_attention_stays(where):
    cfg = dict(type='mmghost.DFCAttention' if where == 'gate' else 'mmghost.CBAM')
    assert_same_function(attach_attention(GhostNet(0.5), cfg, where), (65, 33))


class DoubledBottleneck(GhostBottleneck):
    def forward(self, x):
        return 2 * super().forward(x)


class DoubledGhostNet(GhostNet):
    def _make_bottleneck(self, index, *args, **kwargs):
        return DoubledBottleneck(*args, **kwargs)


class ReversedGhostNet(GhostNet):
    def forward(self, x):
        return tuple(out.flip(1) for out in super().forward(x))


@pytest.mark.parametrize('backbone_class', [DoubledGhostNet, ReversedGhostNet])
def test_classes_of_others_stay(backbone_class):
    assert_same_function(backbone_class(0.5), (65, 33))


def test_norms_without_statistics_stay():
    backbone = randomise(GhostNet(0.5, norm_cfg=dict(type='BN', track_running_stats=False))).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = backbone(x)[0]
        for target in ('torch', *TARGETS):
            deployed = to_deploy_form(copy.deepcopy(backbone), target)
            assert relative_error(deployed(x)[0], expected) < 1e-4


@pytest.mark.parametrize('part', ['', 'stem', 'stem.conv', 'stem.bn', 'stem.activate'])
@pytest.mark.parametrize('target', ['torch', 'onnxruntime'])
def test_hooks_stay(part, target):
    backbone = settle(GhostNet(0.5)).float()
    seen = []
    backbone.get_submodule(part).register_forward_hook(
        lambda *found: seen.append(torch.as_tensor(found[2][0]).clone())
    )
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        backbone(x)
        to_deploy_form(backbone, target)(x)
    torch.testing.assert_close(*seen, rtol=1e-4, atol=1e-4)


def test_backbones_inside_a_model():
    """One that is used twice stays one."""
    backbone = settle(GhostNetV2(0.5))
    model = nn.ModuleDict(dict(first=backbone, second=nn.Sequential(backbone), other=GhostNet(0.5)))
    x = torch.randn(1, 3, 33, 64).double()
    with torch.no_grad():
        expected = backbone(x)[0]
        assert to_deploy_form(model, 'onnxruntime') is model
        assert model['first'] is model['second'][0] is not backbone
        assert relative_error(model['first'](x)[0], expected) < 1e-9
    assert all(isinstance(model[name], PackedBackbone) for name in ('first', 'other'))


def test_deployed_weights_load_and_switching_again_changes_nothing():
    source = randomise(GhostNetV2(0.5)).eval()
    source.switch_to_deploy()
    backbone = GhostNetV2(0.5, deploy=True).eval()
    backbone.load_state_dict(source.state_dict())
    x = torch.randn(1, 3, 65, 33)
    expected = source(x)[0]
    assert torch.equal(backbone(x)[0], expected)
    source.switch_to_deploy()
    assert torch.equal(source(x)[0], expected)
    backbone.load_state_dict(source.state_dict())
