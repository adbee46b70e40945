import pytest
import torch
import torch.nn.functional as F

from mmghost.backbones import GhostNetV2
from mmghost.layers.gated_concat import gated_concat


@pytest.mark.parametrize('size, coarse', [((6, 4), (3, 2)), ((7, 5), (3, 2)), ((1, 9), (1, 4))])
def test_value_and_gradients(size, coarse):
    parts = [
        torch.randn(2, channels, *shape, dtype=torch.double, requires_grad=True)
        for channels, shape in ((3, size), (2, size), (5, coarse))
    ]
    expected = torch.cat(parts[:2], 1) * F.interpolate(parts[2], size=size, mode='nearest')
    assert torch.equal(gated_concat(*parts), expected)
    with torch.no_grad():
        assert torch.equal(gated_concat(*parts), expected)
    assert torch.autograd.gradcheck(gated_concat, parts)


def test_training_keeps_no_concatenation_and_no_upsampled_gate():
    backbone = GhostNetV2(0.5).train()
    kept = {}

    def pack(tensor):
        kept[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = backbone(torch.randn(2, 3, 64, 64))[0]
    channels = backbone.stages[1][1].ghost1.out_channels
    shapes = [tuple(tensor.shape) for tensor in kept.values()]
    # The products of two bottlenecks of this size, which the modules after them need
    assert shapes.count((2, channels, 16, 16)) == 2
    assert out.requires_grad


def test_gradients_as_a_function():
    parts = [torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4), torch.randn(1, 4, 2, 2)]

    def total(*parts):
        return gated_concat(*parts).square().sum()

    found = torch.func.grad(total, argnums=(0, 1, 2))(*parts)
    leaves = [part.requires_grad_() for part in parts]
    expected = torch.autograd.grad(total(*leaves), leaves)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other)
