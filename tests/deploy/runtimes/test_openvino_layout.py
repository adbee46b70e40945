import copy
from xml.etree import ElementTree

import pytest
import torch
from helpers import exports, settle
from settled_models import assert_same_outputs
from torch import nn

from mmghost.backbones import GhostNetV2
from mmghost.deploy import to_deploy_form
from mmghost.deploy.runtimes import export_module, load_exported
from mmghost.layers import DFCAttention

pytestmark = exports


class Headed(nn.Module):
    """A backbone and a convolution that is not its own."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Conv2d(backbone.out_channels[-1], 5, 1)

    def forward(self, x):
        return (self.head(self.backbone(x)[-1]),)


@pytest.fixture(scope='module')
def model():
    return make_model()


def make_model(**options):
    torch.manual_seed(0)
    return Headed(settle(GhostNetV2(0.5, out_indices=(3,), **options))).float().eval()


def export(model, target, file, *dynamic):
    deployed = to_deploy_form(copy.deepcopy(model), target)
    export_module(deployed, torch.randn(1, 3, 64, 96), file, 'openvino', dynamic)
    return deployed


def preferences(file):
    """Give what each convolution of a file prefers, None for what it likes."""
    found = {}
    for layer in ElementTree.parse(file).iter('layer'):
        if layer.get('type') in ('Convolution', 'GroupConvolution'):
            named = layer.find("rt_info/attribute[@name='primitives_priority']")
            found[layer.get('name')] = None if named is None else named.get('value')
    return found


def implementations(file):
    """Give the implementation that OpenVINO chooses for each convolution."""
    import openvino

    options = dict(INFERENCE_PRECISION_HINT='f32')
    compiled = openvino.Core().compile_model(str(file), 'CPU', options)
    return [
        node.get_rt_info()['primitiveType'].astype(str)
        for node in compiled.get_runtime_model().get_ops()
        if node.get_rt_info()['layerType'].astype(str) == 'Convolution'
    ]


def test_the_convolutions_of_a_packed_backbone_work_in_blocks(model, tmp_path):
    file = tmp_path / 'model.xml'
    deployed = export(model, 'openvino', file)
    found = list(preferences(file).values())
    assert found.count(None) == 1
    assert len(found) == sum(isinstance(part, nn.Conv2d) for part in deployed.modules())
    assert_same_outputs(load_exported(file), model, 1, 3, 64, 96)
    chosen = implementations(file)
    assert len(chosen) == len(found)
    if any('avx512' in name for name in chosen):
        assert sum(name.startswith('jit_avx512') for name in chosen) >= len(found) - 1


@pytest.mark.slow
def test_dilated_attention_is_left_to_openvino(tmp_path):
    model = make_model(output_stride=8)
    file = tmp_path / 'model.xml'
    deployed = export(model, 'openvino', file)
    parts = [part for part in deployed.modules() if isinstance(part, DFCAttention)]
    dilated = [part for part in parts if part.dilation == 2]
    assert dilated
    assert list(preferences(file).values()).count(None) == 1 + 3 * len(dilated)
    assert not any('gemm' in name for name in implementations(file))
    assert_same_outputs(load_exported(file), model, 1, 3, 64, 96)


@pytest.mark.parametrize(
    ('target', 'dynamic'),
    [
        ('torch', ()),
        pytest.param('openvino-dynamic', ('batch', 'size'), marks=pytest.mark.slow),
    ],
)
def test_others_are_left_to_openvino(model, target, dynamic, tmp_path):
    file = tmp_path / 'model.xml'
    export(model, target, file, *dynamic)
    assert set(preferences(file).values()) == {None}
    assert_same_outputs(load_exported(file), model, 1, 3, 64, 96)
    if dynamic:
        assert_same_outputs(load_exported(file), model, 2, 3, 65, 33)
