import pytest
import torch
from mmengine.registry import MODELS
from mmpretrain.models.backbones import ResNet
from torch import nn

from mmghost.backbones import GhostResNet
from mmghost.layers import GhostModule
from mmghost.utils.complexity import count_complexity

CLASSIFIER = 2048 * 1000
D8 = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))


def count(backbone, kind):
    return sum(isinstance(module, kind) for module in backbone.modules())


def test_plain_resnet_56_is_that_of_table_5():
    backbone = GhostResNet(56, ratio=1)
    assert count(backbone, GhostModule) == 0
    assert [len(backbone.get_submodule(f'layer{n}')) for n in (1, 2, 3)] == [9, 9, 9]
    found = count_complexity(backbone, (32, 32))
    assert int((found.parameters + 64 * 10 + 10) / 1e4) == 85
    assert int((found.multiply_adds + 64 * 10) / 1e6) == 125


def test_ghost_resnet_56_and_table_5():
    found = count_complexity(GhostResNet(56), (32, 32))
    assert found == (440058 - 650, 65473152 - 640)
    # Table 5's 0.43 M and 63 M are those of d = 1
    found = count_complexity(GhostResNet(56, cheap_kernel_size=1), (32, 32))
    assert round((found.parameters + 650) / 1e4) == 43
    assert round((found.multiply_adds + 640) / 1e6) == 63


@pytest.mark.parametrize(('ratio', 'billions'), [(1, 4.1), (2, 2.2), (4, 1.2)])
def test_multiply_adds_of_table_6(ratio, billions):
    backbone = GhostResNet(50, ratio)
    assert type(backbone.conv1) is nn.Conv2d
    assert count(backbone, GhostModule) == (52 if ratio > 1 else 0)
    found = count_complexity(backbone, (224, 224))
    assert round((found.multiply_adds + CLASSIFIER) / 1e9, 1) == billions


@pytest.mark.parametrize('size', [(32, 32), (33, 50), (7, 5)])
@pytest.mark.parametrize('depth', [20, 56])
def test_outputs_for_cifar(depth, size):
    outs = GhostResNet(depth, out_indices=(0, 1, 2))(torch.randn(2, 3, *size))
    assert [out.shape for out in outs] == [
        (2, 16 * stride, -(-size[0] // stride), -(-size[1] // stride)) for stride in (1, 2, 4)
    ]


@pytest.mark.parametrize('size', [(64, 64), (65, 97), (33, 1)])
@pytest.mark.parametrize(
    ('kwargs', 'strides'),
    [
        (dict(), (4, 8, 16, 32)),
        (D8, (4, 8, 8, 8)),
        (dict(strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), deep_stem=True), (4, 8, 16, 16)),
    ],
)
def test_outputs_at_any_output_stride(kwargs, strides, size):
    outs = GhostResNet(18, ratio=3, out_indices=(0, 1, 2, 3), **kwargs)(torch.randn(2, 3, *size))
    assert [out.shape for out in outs] == [
        (2, 64 << index, -(-size[0] // stride), -(-size[1] // stride))
        for index, stride in enumerate(strides)
    ]


def test_dilations_are_those_of_the_replaced_convolutions():
    ghost, plain = GhostResNet(50, **D8), ResNet(50, **D8)
    for name, conv in plain.named_modules():
        if isinstance(conv, nn.Conv2d) and name != 'conv1':
            module = ghost.get_submodule(name)
            assert isinstance(module, GhostModule)
            for field in ('kernel_size', 'stride', 'padding', 'dilation'):
                assert getattr(module, field) == getattr(conv, field)


@pytest.mark.parametrize('depth', [20, 50])
def test_gradients(depth):
    backbone = GhostResNet(depth, ratio=4, zero_init_residual=False)
    backbone.init_weights()
    backbone(torch.randn(2, 3, 64, 65))[0].square().mean().backward()
    for value in backbone.parameters():
        assert value.grad.isfinite().all() and value.grad.abs().max() > 0


@pytest.mark.parametrize('frozen', [-1, 0, 2])
def test_frozen_stages_and_norm_eval(frozen):
    backbone = GhostResNet(20, frozen_stages=frozen, norm_eval=True)
    for _ in range(2):
        parts = [[backbone.conv1, backbone.norm1]]
        parts += [[backbone.get_submodule(f'layer{n}')] for n in (1, 2, 3)]
        for index, part in enumerate(parts):
            for module in part:
                for value in module.parameters():
                    assert value.requires_grad == (index > frozen)
        backbone.train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms)
    backbone(torch.randn(2, 3, 32, 32))[0].square().mean().backward()


@pytest.mark.parametrize(
    ('kwargs', 'plain'),
    [
        (dict(), {'conv1'}),
        (dict(deep_stem=True), {'stem.0.conv'}),
        (dict(skip=()), set()),
        (
            dict(skip=['layer1', 'conv1']),
            {'conv1', *(f'layer1.{b}.conv{c}' for b in (0, 1) for c in (1, 2))},
        ),
    ],
)
def test_skip(kwargs, plain):
    backbone = MODELS.build(dict(type='mmghost.GhostResNet', depth=18, **kwargs))
    inner = ('primary_conv.conv', 'cheap_operation.conv')
    found = {name for name, module in backbone.named_modules() if type(module) is nn.Conv2d}
    assert {name for name in found if not name.endswith(inner)} == plain


@pytest.mark.parametrize(
    ('kwargs', 'error', 'message'),
    [
        (dict(depth=21), ValueError, '^depth must be one of 18, 20, 32, 34, 44, 50, 56, 101, 110'),
        (dict(depth='50'), TypeError, '^depth must be'),
        (dict(depth=18, ratio=0), ValueError, '^ratio must be'),
        (dict(depth=20, ratio=2.0), TypeError, '^ratio must be'),
        (dict(depth=20, cheap_kernel_size=2), ValueError, '^cheap_kernel_size must be'),
        (dict(depth=20, skip=['layer4']), ValueError, "^skip names 'layer4'"),
    ],
)
def test_invalid_arguments_are_named(kwargs, error, message):
    with pytest.raises(error, match=message):
        GhostResNet(**kwargs)
