import numpy as np
import pytest
import torch
from helpers import exports, settle
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.deploy import to_deploy_form
from mmghost.deploy.runtimes import export_module, load_exported

onnx = pytest.importorskip('onnx')


def last_nodes(file, count):
    return list(onnx.load(file).graph.node)[-count:]


@exports
@pytest.mark.parametrize('backbone_class', [GhostNet, GhostNetV2])
def test_the_maps_are_computed_in_order(backbone_class, tmp_path):
    backbone = settle(backbone_class(0.5, out_indices=range(6))).float()
    x = torch.randn(1, 3, 65, 64)
    with torch.no_grad():
        expected = backbone(x)
    backbone = to_deploy_form(backbone, 'onnxruntime')
    export_module(backbone, x, tmp_path / 'maps.onnx', 'onnx')
    makers = [node.output[0] for node in last_nodes(tmp_path / 'maps.onnx', 5)]
    assert makers == [f'output_{index}' for index in (5, 4, 3, 2, 1)]
    found = load_exported(tmp_path / 'maps.onnx')(x.numpy())
    for out, reference in zip(found, expected):
        np.testing.assert_allclose(out, reference, atol=1e-4 * reference.abs().max())


@exports
def test_a_constant_output(tmp_path):
    class Constant(nn.Module):
        def forward(self, x):
            return torch.sigmoid(x), torch.ones(1, 2, 3, 4)

    x = torch.randn(1, 2, 3, 4)
    export_module(Constant().eval(), x, tmp_path / 'constant.onnx', 'onnx')
    found = load_exported(tmp_path / 'constant.onnx')(x.numpy())
    np.testing.assert_allclose(found[0], torch.sigmoid(x), atol=1e-6)
    assert (found[1] == 1).all() and found[1].shape == (1, 2, 3, 4)


@exports
def test_an_output_that_others_use(tmp_path):
    class Chain(nn.Module):
        def forward(self, x):
            first = torch.sigmoid(x)
            second = first.index_select(1, torch.tensor([1, 0]))
            return first, second, second * 2

    x = torch.randn(1, 2, 3, 4)
    export_module(Chain(), x, tmp_path / 'chain.onnx', 'onnx', dynamic=('batch',))
    assert [node.op_type for node in last_nodes(tmp_path / 'chain.onnx', 2)] == ['Reshape'] * 2
    for batch in 1, 3:
        x = torch.randn(batch, 2, 3, 4)
        found = load_exported(tmp_path / 'chain.onnx')(x.numpy())
        for out, reference in zip(found, Chain()(x)):
            np.testing.assert_allclose(out, reference, atol=1e-6)


@exports
def test_what_is_no_map_stays(tmp_path):
    class Scores(nn.Module):
        def forward(self, x):
            return x.mean((2, 3)), torch.sigmoid(x).sum((2, 3))

    export_module(Scores(), torch.randn(1, 2, 3, 4), tmp_path / 'scores.onnx', 'onnx')
    assert 'Reshape' not in [n.op_type for n in onnx.load(tmp_path / 'scores.onnx').graph.node]
