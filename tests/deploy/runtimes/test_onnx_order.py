import pytest
import torch
from helpers import exports, settle
from settled_models import assert_same_outputs
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.deploy import to_deploy_form
from mmghost.deploy.runtimes import export_module, load_exported

onnx = pytest.importorskip('onnx')
pytestmark = exports


def nodes(file):
    return list(onnx.load(file).graph.node)


@pytest.mark.parametrize(
    'backbone_class', [GhostNet, pytest.param(GhostNetV2, marks=pytest.mark.slow)]
)
def test_the_maps_are_computed_in_order(backbone_class, tmp_path):
    backbone = settle(backbone_class(0.5, out_indices=range(6))).float()
    deployed = to_deploy_form(backbone, 'onnxruntime')
    file = tmp_path / 'maps.onnx'
    export_module(deployed, torch.randn(1, 3, 65, 64), file, 'onnx')
    makers = [node.output[0] for node in nodes(file)[-5:]]
    assert makers == [f'output_{index}' for index in (5, 4, 3, 2, 1)]
    assert_same_outputs(load_exported(file), deployed, 1, 3, 65, 64)


class Outputs(nn.Module):
    """A map that others use, one that is a node's of its own, a constant, and no map."""

    def forward(self, x):
        first = torch.sigmoid(x)
        second = first.index_select(1, torch.tensor([1, 0]))
        return first, second, second * 2, torch.ones(1, 2, 3, 4), first.mean((2, 3))


def test_outputs_of_other_kinds(tmp_path):
    file = tmp_path / 'outputs.onnx'
    export_module(Outputs(), torch.randn(1, 2, 3, 4), file, 'onnx', dynamic=('batch',))
    assert [node.op_type for node in nodes(file)].count('Reshape') == 2
    for batch in 1, 3:
        assert_same_outputs(load_exported(file), Outputs(), batch, 2, 3, 4)
