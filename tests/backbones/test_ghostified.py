import pytest
import torch
from mmdet.models.backbones import ResNet as DetectionResNet
from mmengine.registry import MODELS, DefaultScope
from mmpretrain.models.backbones import ResNet as ClassificationResNet
from torch import nn

from mmghost.layers import GhostModule


@pytest.mark.parametrize(
    ('scope', 'expected'), [('mmdet', DetectionResNet), ('mmpretrain', ClassificationResNet)]
)
def test_the_network_is_that_of_the_configs_package(scope, expected):
    config = dict(
        type='mmghost.Ghostified',
        model=dict(type='ResNet', depth=18, out_indices=(0, 3)),
        ratio=4,
        skip=['conv1'],
    )
    with DefaultScope.overwrite_default_scope(scope):
        backbone = MODELS.build(config)
    assert type(backbone) is expected
    assert type(backbone.conv1) is nn.Conv2d
    assert isinstance(backbone.layer1[0].conv1, GhostModule)
    outs = backbone(torch.randn(1, 3, 64, 65))
    assert [out.shape[1:] for out in outs] == [(64, 16, 17), (512, 2, 3)]


def test_unknown_networks_are_named():
    with pytest.raises(KeyError, match='NoSuchNet'):
        MODELS.build(dict(type='mmghost.Ghostified', model=dict(type='mmdet.NoSuchNet')))
