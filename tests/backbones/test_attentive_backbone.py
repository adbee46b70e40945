import sys

import pytest
import torch
from helpers import randomise
from mmengine.registry import MODELS, DefaultScope
from torch.nn.modules.batchnorm import _BatchNorm

from mmghost.backbones import AttentiveBackbone, GhostNet
from mmghost.utils.complexity import count_complexity

PACKAGES = ('mmpretrain', 'mmdet')
DFC = dict(attention_cfg=dict(type='mmghost.DFCAttention'), where='gate')


def build(package='mmpretrain', **kwargs):
    return MODELS.build(
        dict(
            dict(DFC, widen_factor=0.25),
            type='mmghost.AttentiveBackbone',
            backbone=f'{package}.MobileNetV2',
            **kwargs,
        )
    )


def train(model):
    model.train()  # which returns nothing in the packages' MobileNetV2
    return model


def attentions(model):
    return [module for name, module in model.named_modules() if name.endswith('.attention')]


@pytest.mark.parametrize('package', PACKAGES)
def test_arguments_reach_the_packages_own_backbone(package):
    model = build(package, out_indices=(1, 2, 4, 7), act_cfg=dict(type='ReLU'))
    plain = MODELS.build(
        dict(
            type=f'{package}.MobileNetV2',
            widen_factor=0.25,
            out_indices=(1, 2, 4, 7),
            act_cfg=dict(type='ReLU'),
        )
    )
    assert type(model) is type(plain) and type(model).__module__.startswith(package)
    x = torch.randn(2, 3, 61, 96)
    shapes = [out.shape for out in model(x)]
    assert shapes == [out.shape for out in plain(x)]
    assert [shape[2:] for shape in shapes] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert len(attentions(model)) == 17


@pytest.mark.parametrize('scope', PACKAGES)
@pytest.mark.parametrize('package', PACKAGES)
def test_the_package_is_the_named_one_in_any_scope(package, scope):
    with DefaultScope.overwrite_default_scope(scope):
        assert type(build(package)).__module__ == f'{package}.models.backbones.mobilenet_v2'


@pytest.mark.parametrize('package', PACKAGES)
def test_every_attention_changes_the_output_and_learns(package):
    model = train(randomise(build(package)))
    x = torch.randn(2, 3, 64, 64)
    model(x)[-1].square().mean().backward()
    for attention in attentions(model):
        assert all(p.grad.abs().max() > 0 for p in attention.parameters() if p.ndim > 1)
    model.eval()
    with torch.no_grad():
        before = model(x)[-1]
        for attention in attentions(model):
            weight = attention.vertical.norm.bias
            weight.add_(2)
            assert (model(x)[-1] - before).abs().max() > 1e-4
            weight.sub_(2)


@pytest.mark.parametrize('package', PACKAGES)
def test_frozen_stages_stay_frozen(package):
    model = train(randomise(build(package, frozen_stages=3, out_indices=(7,))))
    x = torch.randn(2, 3, 128, 128)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(x)[0].square().mean().backward()
    optimizer.step()
    changed = {key for key, value in model.state_dict().items() if (value != before[key]).any()}
    frozen = tuple(f'layer{index}.' for index in (1, 2, 3))
    attended = {key for key in before if '.attention.' in key}
    assert any(key.startswith(frozen) for key in attended)
    assert not any(key.startswith(frozen) for key in changed)
    learning = {key for key in attended if not key.startswith(frozen)}
    assert {key for key in learning if 'conv.weight' in key or 'running' in key} <= changed


@pytest.mark.parametrize('package', PACKAGES)
def test_norm_eval_holds_for_attentions(package):
    model = train(build(package, norm_eval=True))
    norms = [m for a in attentions(model) for m in a.modules() if isinstance(m, _BatchNorm)]
    assert len(norms) == 3 * 17
    assert not any(norm.training for norm in norms)


@pytest.mark.filterwarnings('ignore:torch.utils.checkpoint')
@pytest.mark.parametrize('package', PACKAGES)
def test_checkpointing_changes_no_gradient(package):
    grads = []
    x = torch.randn(2, 3, 64, 64, requires_grad=True)
    for with_cp in (False, True):
        model = train(randomise(build(package, with_cp=with_cp)).double())
        model(x.double())[-1].square().mean().backward()
        grads.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(grads[0], grads[1])


def test_ghostnet_with_self_attention():
    """GhostNetV2's Table 1 has 172 M multiply-adds, of a classifier."""
    model = MODELS.build(
        dict(
            type='mmghost.AttentiveBackbone',
            backbone='mmghost.GhostNet',
            attention_cfg=dict(type='mmghost.MobileViTAttention'),
            where='output',
            blocks=[4, 10, 15],
            out_indices=(5,),
        )
    )
    assert isinstance(model, GhostNet)
    assert [a.norm.normalized_shape[0] for a in attentions(model)] == [40, 112, 160]
    head = 960 * 1280 + 1280 * 1000
    assert count_complexity(model, (224, 224)).multiply_adds + head == 172_491_056
    assert model.eval()(torch.randn(2, 3, 33, 64))[0].shape == (2, 960, 2, 2)


@pytest.mark.parametrize(
    ('backbone', 'error', 'message'),
    [
        ('MobileNetV2', ValueError, 'backbone must be a name such as'),
        (None, TypeError, 'backbone must be a name such as'),
        ('mmnothing.MobileNetV2', ImportError, 'mmnothing.MobileNetV2 needs mmnothing'),
        ('mmpretrain.MobileNetV9', KeyError, '.*MobileNetV9 is not in the'),
    ],
)
def test_unknown_backbones_are_named(backbone, error, message):
    with pytest.raises(error, match=message):
        AttentiveBackbone(backbone, **DFC)


@pytest.mark.parametrize('package', PACKAGES)
def test_needs_the_chosen_package_only(package, monkeypatch):
    for other in PACKAGES:
        if other != package:
            monkeypatch.setitem(sys.modules, f'{other}.registry', None)
            with pytest.raises(ImportError, match=f'^{other}.MobileNetV2 needs {other}: '):
                build(other)
    assert len(attentions(build(package))) == 17
