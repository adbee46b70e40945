import pytest
import torch
from mmcv.cnn import build_conv_layer
from torch import nn

from mmghost.backbones import GhostNetV2
from mmghost.deploy import to_deploy_form
from mmghost.deploy.packing import PackedBackbone
from mmghost.layers import GhostBottleneck

FUSIBLE = dict(type='mmghost.FusibleConv2d')


def compiled(model, x):
    """Give a compiled model's output and the groups of the convolutions that the compiler saw."""
    groups = []

    def backend(graph, inputs):
        convs = [
            node
            for node in graph.graph.nodes
            if node.target in (torch.conv2d, nn.functional.conv2d)
        ]
        groups.extend(node.args[6] for node in convs)
        return graph

    torch._dynamo.reset()
    return torch.compile(model, backend=backend)(x), groups


@pytest.mark.parametrize(
    'kernel_size, stride, padding, dilation',
    [
        (3, 1, 1, 1),
        (3, 2, 1, 1),
        (5, 2, 2, 1),
        (3, 1, 2, 2),
        (3, 1, 0, 1),
        ((1, 5), 1, (0, 2), 1),
        ((5, 1), (2, 1), (2, 0), 1),
    ],
)
def test_compiled_depthwise(kernel_size, stride, padding, dilation):
    args = 6, 6, kernel_size, stride, padding, dilation, 6
    conv = build_conv_layer(FUSIBLE, *args).double()
    plain = nn.Conv2d(*args).double()
    plain.load_state_dict(conv.state_dict())
    x = torch.randn(2, 6, 13, 10, dtype=torch.double, requires_grad=True)
    expected = plain(x)
    weight = torch.randn_like(expected)
    leaves = x, *plain.parameters()
    expected_grads = torch.autograd.grad((expected * weight).sum(), leaves)
    with torch.no_grad():
        found, groups = compiled(conv, x)
    torch.testing.assert_close(found, expected)
    assert not groups
    found, groups = compiled(conv, x)
    torch.testing.assert_close(found, expected)
    assert groups == ([] if isinstance(kernel_size, tuple) else [6])
    grads = torch.autograd.grad((found * weight).sum(), (x, *conv.parameters()))
    torch.testing.assert_close(grads, expected_grads)
    torch.testing.assert_close(conv(x), expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    'conv_args', [(4, 6, 1), (4, 4, 3, 1, 1, 1, 2), (4, 4, 3, 1, 'same', 1, 4)]
)
def test_others_stay_convolutions(conv_args):
    conv = build_conv_layer(FUSIBLE, *conv_args)
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        found, groups = compiled(conv, x)
        torch.testing.assert_close(found, conv(x))
    assert len(groups) == 1


def test_exports_stay_convolutions():
    conv = build_conv_layer(FUSIBLE, 4, 4, 3, padding=1, groups=4)
    graph = torch.export.export(conv, (torch.randn(1, 4, 8, 8),)).graph
    assert [node for node in graph.nodes if 'conv2d' in str(node.target)]


def test_backbone():
    fusible, plain = (GhostNetV2(0.25, conv_cfg=cfg).eval() for cfg in (FUSIBLE, None))
    fusible.load_state_dict(plain.state_dict())
    for form in (lambda model: model, to_deploy_form):
        *_, block = (part for part in form(fusible).modules() if isinstance(part, GhostBottleneck))
        *_, other = (part for part in form(plain).modules() if isinstance(part, GhostBottleneck))
        x = torch.randn(1, block.ghost1.in_channels, 5, 4)
        with torch.no_grad():
            found, groups = compiled(block, x)
            torch.testing.assert_close(found, other(x))
        assert set(groups) == {1}
    assert isinstance(to_deploy_form(fusible, 'onnxruntime'), PackedBackbone)
