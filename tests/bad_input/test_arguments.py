"""Arguments that no test beside this has: each is named, with what is allowed.

Those of backbones and layers by themselves are in tests/backbones and tests/layers.
"""

import math

import pytest
from mmengine.registry import MODELS, OPTIMIZERS
from torch import nn

from demo.fashion_mnist import read_fashion_mnist
from demo.fashion_scenes import make_fashion_scenes
from mmghost.backbones import AttentiveBackbone, Ghostified, GhostNet, GhostNetV2, GhostResNet
from mmghost.checkpoint import convert_checkpoint, read_weights
from mmghost.deploy import to_deploy_form
from mmghost.layers import GhostBottleneck, GhostModuleV2, fold_norms
from mmghost.utils import make_divisible, nearest


def rmsprop(**kwargs):
    parameters = nn.Linear(1, 1).parameters()
    return OPTIMIZERS.build(dict(type='mmghost.RMSpropTF', params=parameters, **kwargs))


# (what is called, its sound arguments, (argument, bad value), ...)
CALLS = [
    (
        GhostNet,
        {},
        ('deploy', None),
        ('norm_cfg', dict(type='BatchNom')),
        ('norm_cfg', dict(type='GN')),
        ('act_cfg', dict(type='RELU7')),
        ('init_cfg', 'Kaiming'),
        ('init_cfg', dict(type='Pretrained')),
        ('init_cfg', dict(type='Pretrained', checkpoint=3)),
        ('init_cfg', dict(type='Pretrained', checkpoint='a.pth', prefx='backbone.')),
    ),
    (
        GhostNetV2,
        {},
        ('attention_cfg', [dict()] * 17),
        ('attention_cfg', dict(type='mmghost.DCFAttention')),
        ('attention_cfg', dict(type='mmghost.DFCAttention', kernel_size=4)),
    ),
    (GhostResNet, dict(depth=50), ('cheap_kernel_size', 2), ('skip', 'conv1')),
    (
        AttentiveBackbone,
        dict(backbone='mmpretrain.MobileNetV2', attention_cfg=dict(type='mmghost.SqueezeExcite')),
        ('attention_cfg', None),
        ('where', 'everywhere'),
        ('blocks', (99,)),
    ),
    (Ghostified, {}, ('model', None)),
    (
        GhostModuleV2,
        dict(in_channels=4, out_channels=8),
        ('in_channels', 0),
        ('out_channels', 8.0),
        ('attention_cfg', dict(type='NoAttention')),
        ('attention_cfg', None),
    ),
    (
        GhostBottleneck,
        dict(in_channels=4, mid_channels=8, out_channels=4),
        ('mid_channels', 0),
        ('kernel_size', 4),
        ('stride', 3),
        ('dilation', 0),
        ('with_se', 'yes'),
        ('with_cp', 1),
        ('dilate', None),
        ('enhance', 'nothing'),
        ('attention_cfg', 'DFC'),
    ),
    (make_divisible, dict(value=8), ('value', '8'), ('value', math.nan), ('divisor', 0)),
    (rmsprop, {}, ('lr', -1), ('alpha', math.nan), ('eps', '0'), ('momentum', None)),
    (
        make_fashion_scenes,
        dict(out_dir='out', source='.'),
        ('val_count', 2.5),
        ('size', 63),
        ('seed', -1),
        ('overwrite', 'yes'),
    ),
    (read_fashion_mnist, dict(folder='.', split='train'), ('split', 'validation')),
    (read_weights, {}, ('source', 3), ('source', None)),
    (
        to_deploy_form,
        dict(model=nn.ReLU()),
        ('model', 'GhostNetV2'),
        ('model', nn.ReLU),
        ('target', 'tensorrt'),
        ('target', None),
    ),
    (fold_norms, dict(model=nn.ReLU()), ('model', 'GhostNetV2'), ('model', nn.ReLU)),
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


def test_misspelt_options_of_configs_are_errors():
    with pytest.raises(TypeError, match='widen_facto'):
        MODELS.build(dict(type='mmghost.GhostNetV2', widen_facto=0.5))


def test_hints_are_of_other_names():
    assert nearest('EMAHook', ['EMAHook']) == ''
    assert nearest('EMAHook', ['EMAHook', 'EMAHooks']) == ", did you mean 'EMAHooks'?"
