"""Arguments of the wrong type or out of their range: each is named, with what is allowed."""

import math

import pytest
import torch
from mmengine.registry import MODELS, OPTIMIZERS
from torch import nn

import mmghost.backbones as backbones
import mmghost.layers as layers
from demo.fashion_mnist import read_fashion_mnist
from demo.fashion_scenes import make_fashion_scenes
from mmghost.checkpoint import convert_checkpoint, read_weights
from mmghost.deploy import to_deploy_form
from mmghost.utils import make_divisible

NAN, INF = math.nan, math.inf

# (what is called, its sound arguments, (argument, bad value), ...)
CALLS = [
    *(
        (
            cls,
            {},
            ('widen_factor', 0),
            ('widen_factor', -1.0),
            ('widen_factor', NAN),
            ('widen_factor', INF),
            ('widen_factor', '1.0'),
            ('widen_factor', None),
            ('widen_factor', True),
            ('widen_factor', 1j),
            ('in_channels', 0),
            ('in_channels', 3.0),
            ('in_channels', '3'),
            ('out_indices', ()),
            ('out_indices', 4),
            ('out_indices', (4, 3)),
            ('out_indices', (1, 1)),
            ('out_indices', (-1,)),
            ('out_indices', (6,)),
            ('out_indices', (1.0,)),
            ('out_indices', {1, 2}),
            ('out_indices', 'all'),
            ('output_stride', 4),
            ('output_stride', 12),
            ('output_stride', 8.0),
            ('output_stride', None),
            ('frozen_stages', -2),
            ('frozen_stages', 6),
            ('frozen_stages', 1.5),
            ('norm_eval', 'no'),
            ('with_cp', 1),
            ('deploy', None),
            ('conv_cfg', 'Conv2d'),
            ('norm_cfg', ['BN']),
            ('act_cfg', nn.ReLU()),
            ('norm_cfg', dict(type='BatchNom')),
            ('act_cfg', dict(type='RELU7')),
            ('init_cfg', 'Kaiming'),
            ('init_cfg', dict(type='Pretrained')),
            ('init_cfg', dict(type='Pretrained', checkpoint=3)),
            ('init_cfg', dict(type='Pretrained', checkpoint='a.pth', prefx='backbone.')),
        )
        for cls in (backbones.GhostNet, backbones.GhostNetV2)
    ),
    (
        backbones.GhostNetV2,
        {},
        ('enhance', 'all'),
        ('attention_cfg', []),
        ('attention_cfg', [dict()] * 17),
        ('attention_cfg', dict(type='mmghost.DCFAttention')),
        ('attention_cfg', dict(type='mmghost.DFCAttention', kernel_size=4)),
    ),
    (
        backbones.GhostResNet,
        dict(depth=50),
        ('depth', 51),
        ('depth', '50'),
        ('ratio', 0),
        ('ratio', 2.5),
        ('cheap_kernel_size', 2),
        ('skip', 'conv1'),
        ('skip', ('no_such',)),
    ),
    (
        backbones.GhostVGG,
        dict(depth=11),
        ('depth', 12),
        ('ratio', 1),
        ('cheap_kernel_size', 0),
        ('skip', (3,)),
    ),
    (
        backbones.AttentiveBackbone,
        dict(backbone='mmpretrain.MobileNetV2', attention_cfg=dict(type='mmghost.SqueezeExcite')),
        ('backbone', 'MobileNetV2'),
        ('backbone', 3),
        ('backbone', 'mmnothing.MobileNetV2'),
        ('backbone', 'mmpretrain.MobileNetV9'),
        ('attention_cfg', None),
        ('where', 'everywhere'),
        ('blocks', 3),
        ('blocks', (99,)),
        ('blocks', (1, 1)),
    ),
    (backbones.Ghostified, {}, ('model', dict(type='NoSuchNet')), ('model', None)),
    (
        layers.GhostModule,
        dict(in_channels=4, out_channels=8),
        ('in_channels', 0),
        ('out_channels', -4),
        ('out_channels', 8.0),
        ('kernel_size', 0),
        ('kernel_size', 2),
        ('kernel_size', (3, 3, 3)),
        ('kernel_size', '3'),
        ('ratio', 1),
        ('cheap_kernel_size', 4),
        ('stride', 0),
        ('dilation', 0),
        ('padding', -1),
        ('bias', 'yes'),
        ('norm_cfg', 'BN'),
    ),
    (
        layers.GhostModuleV2,
        dict(in_channels=4, out_channels=8),
        ('kernel_size', 3),
        ('stride', 2),
        ('padding', 1),
        ('attention_cfg', dict(type='NoAttention')),
        ('attention_cfg', None),
    ),
    (
        layers.GhostBottleneck,
        dict(in_channels=4, mid_channels=8, out_channels=4),
        ('mid_channels', 0),
        ('kernel_size', 4),
        ('kernel_size', 0),
        ('stride', 3),
        ('stride', 0),
        ('dilation', 0),
        ('with_se', 'yes'),
        ('with_cp', 1),
        ('dilate', None),
        ('enhance', 'nothing'),
        ('attention_cfg', 'DFC'),
    ),
    (
        layers.DFCAttention,
        dict(in_channels=4, out_channels=8),
        ('in_channels', None),
        ('kernel_size', 4),
        ('dilation', -1),
        ('pool', 'mean'),
        ('upsample', 'linear'),
        ('scale', 'softmax'),
        ('scale_first', 1),
    ),
    (
        layers.FullyConnectedDFC,
        dict(channels=4, size=(8, 8)),
        ('channels', 0),
        ('size', 8),
        ('size', (8,)),
        ('size', (8, 0)),
    ),
    (layers.SqueezeExcite, dict(channels=8), ('channels', 0), ('squeeze_ratio', 0)),
    (layers.CBAM, dict(channels=8), ('channels', 1.5), ('reduction', 0), ('kernel_size', 6)),
    (
        layers.CoordinateAttention,
        dict(channels=8),
        ('channels', '8'),
        ('reduction', -1),
        ('min_channels', 0),
    ),
    (
        layers.MobileViTAttention,
        dict(in_channels=8, out_channels=8),
        ('embed_dims', 6),
        ('num_heads', 0),
        ('patch_size', 0),
        ('dilation', 1.5),
    ),
    (
        layers.ghostify,
        dict(model=nn.Sequential(nn.Conv2d(3, 8, 3))),
        ('model', 'ResNet'),
        ('model', nn.Linear(3, 3)),
        ('model', nn.Sequential(nn.ReLU())),
        ('ratio', 1),
        ('skip', None),
        ('skip', ('1',)),
    ),
    (
        layers.attach_attention,
        dict(model=layers.GhostBottleneck(4, 8, 4), attention_cfg=dict(type='mmghost.CBAM')),
        ('model', nn.ReLU()),
        ('model', 3),
        ('attention_cfg', 'CBAM'),
        ('attention_cfg', dict(type='mmghost.CBAM', init_cfg=[])),
        ('attention_cfg', dict(type='mmghost.CBAN')),
        ('where', None),
        ('blocks', [-1]),
    ),
    (make_divisible, dict(value=8), ('value', '8'), ('value', NAN), ('divisor', 0)),
    (
        lambda **kwargs: OPTIMIZERS.build(
            dict(type='mmghost.RMSpropTF', params=nn.Linear(1, 1).parameters(), **kwargs)
        ),
        {},
        ('lr', -1),
        ('alpha', NAN),
        ('eps', '0'),
        ('momentum', None),
    ),
    (
        lambda **kwargs: make_fashion_scenes('out', '.', **kwargs),
        {},
        ('train_count', 0),
        ('val_count', 2.5),
        ('size', 63),
        ('size', None),
        ('seed', -1),
        ('overwrite', 'yes'),
    ),
    (read_fashion_mnist, dict(folder='.', split='train'), ('split', 'validation')),
    (read_weights, dict(source='absent.pth'), ('source', 3), ('source', None)),
    (
        to_deploy_form,
        dict(model=nn.ReLU()),
        ('model', 'GhostNetV2'),
        ('model', nn.ReLU),
        ('target', 'tensorrt'),
        ('target', None),
    ),
    (layers.fold_norms, dict(model=nn.ReLU()), ('model', 'GhostNetV2'), ('model', nn.ReLU)),
    (convert_checkpoint, dict(source='absent', out_file='out'), ('layout', 'onnx')),
]
CASES = [(call, sound, *pair) for call, sound, *pairs in CALLS for pair in pairs]


@pytest.mark.parametrize(('call', 'sound', 'argument', 'value'), CASES)
def test_bad_arguments_are_named(call, sound, argument, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError, KeyError, ImportError, OSError)) as caught:
        made = call(**{**sound, argument: value})
        if argument == 'init_cfg':
            made.init_weights()
    message = str(caught.value)
    named = [*value, *value.values()] if isinstance(value, dict) else [value]
    assert any(str(word) in message for word in [argument, *named]), message
    assert not any(tmp_path.iterdir())


def test_there_are_many():
    assert len(CASES) >= 150


@pytest.mark.parametrize('name', backbones.__all__ + layers.__all__)
def test_every_public_name_is_in_the_table(name):
    called = {call for call, *_ in CALLS}
    assert getattr(backbones, name, getattr(layers, name, None)) in called


def test_a_network_that_cannot_be_changed_stays_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 8, 3))
    before = str(model)
    with pytest.raises(ValueError):
        layers.ghostify(model, skip=('9',))
    assert str(model) == before


def test_misspelt_options_of_configs_are_errors():
    with pytest.raises(TypeError, match='widen_facto'):
        MODELS.build(dict(type='mmghost.GhostNetV2', widen_facto=0.5))
    assert torch.is_grad_enabled()
