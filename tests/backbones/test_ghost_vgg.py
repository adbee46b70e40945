import subprocess
import sys

import pytest
import torch
from mmengine.registry import MODELS
from torch import nn

from mmghost.backbones import GhostVGG
from mmghost.layers import GhostModule
from mmghost.utils.complexity import count_complexity

CHANNELS = (64, 128, 256, 512, 512)
# 512 to 512 with batch norm, to 10
HEAD_WEIGHTS, HEAD_REST = 512 * 512 + 512 * 10, 512 + 2 * 512 + 10


def agrees(found, stated, unit):
    """Whether a count rounds or truncates to the digits a paper states."""
    digits = len(stated.partition('.')[2])
    scaled = found / unit * 10**digits
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
    assert agrees(found.parameters + HEAD_WEIGHTS + HEAD_REST, params, 1e6)
    assert agrees(found.multiply_adds + HEAD_WEIGHTS, multiply_adds, 1e6)


@pytest.mark.parametrize('size', [(32, 32), (33, 71), (64, 40)])
@pytest.mark.parametrize('depth', [11, 16])
def test_outputs_are_those_of_vgg(depth, size):
    outs = GhostVGG(depth, out_indices=range(5))(torch.randn(2, 3, *size))
    assert [out.shape for out in outs] == [
        (2, channels, size[0] >> index + 1, size[1] >> index + 1)
        for index, channels in enumerate(CHANNELS)
    ]


def test_gradients():
    backbone = GhostVGG(ratio=5, cheap_kernel_size=7)
    backbone.init_weights()
    backbone(torch.randn(2, 3, 32, 64))[0].square().mean().backward()
    assert all(value.grad.isfinite().all() for value in backbone.parameters())
    assert all(
        value.grad.abs().max() > 0
        for name, value in backbone.named_parameters()
        if 'conv.w' in name
    )


def test_arguments_of_mmpretrains_vgg():
    backbone = GhostVGG(
        11, norm_cfg=None, out_indices=(3, 4), dilations=(1, 1, 1, 1, 2), with_last_pool=False
    )
    assert count(backbone, nn.BatchNorm2d) == 0
    outs = backbone(torch.randn(1, 3, 64, 64))
    assert [out.shape[2:] for out in outs] == [(4, 4), (4, 4)]
    ghosts = [module for module in backbone.modules() if isinstance(module, GhostModule)]
    assert [ghost.dilation for ghost in ghosts[-2:]] == [(2, 2)] * 2


def test_frozen_stages_and_norm_eval():
    backbone = GhostVGG(11, frozen_stages=2, norm_eval=True)
    backbone.train()
    backbone(torch.randn(2, 3, 64, 64))[0].square().mean().backward()
    stages = [range(*span) for span in backbone.range_sub_modules]
    for index, stage in enumerate(stages):
        for layer in stage:
            still = index < 2
            for value in backbone.features[layer].parameters():
                assert value.requires_grad != still
                assert (value.grad is None) == still
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training or norm.num_batches_tracked for norm in norms)


def test_skip():
    backbone = MODELS.build(dict(type='mmghost.GhostVGG', depth=11, skip=['features.0']))
    assert type(backbone.features[0].conv) is nn.Conv2d
    assert count(backbone, GhostModule) == 7


@pytest.mark.parametrize(
    ('kwargs', 'error', 'message'),
    [
        (dict(depth=12), ValueError, '^depth must be one of 11, 13, 16, 19'),
        (dict(depth='16'), TypeError, '^depth must be'),
        (dict(ratio=1), ValueError, '^ratio must be'),
        (dict(cheap_kernel_size=2), ValueError, '^cheap_kernel_size must be'),
        (dict(skip=['conv1']), ValueError, "^skip names 'conv1'"),
    ],
)
def test_invalid_arguments_are_named(kwargs, error, message):
    with pytest.raises(error, match=message):
        GhostVGG(**kwargs)


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
