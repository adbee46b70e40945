"""The attentions: each is its paper's equations, and takes what the others take."""

import io

import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from helpers import randomise
from torch import nn

from mmghost.backbones import GhostNetV2
from mmghost.layers import (
    CBAM,
    CoordinateAttention,
    DFCAttention,
    FullyConnectedDFC,
    GhostModule,
    GhostModuleV2,
    MobileViTAttention,
    SqueezeExcite,
)
from mmghost.layers.gated_concat import gated_concat
from mmghost.utils.complexity import count_complexity

#: Each with 24 channels, and how many it gives
ATTENTIONS = {
    'cbam': (lambda: CBAM(24, reduction=8), 24),
    'coordinate': (lambda: CoordinateAttention(24), 24),
    'dfc': (lambda: DFCAttention(24, 10), 10),
    'dfc-dilated': (lambda: DFCAttention(24, 10, dilation=2), 10),
    'mobilevit': (lambda: MobileViTAttention(24, 10, embed_dims=16), 10),
    'squeeze-excite': (lambda: SqueezeExcite(24), 24),
}


@pytest.mark.parametrize('name', ATTENTIONS)
@pytest.mark.parametrize('size', [(1, 1), (1, 9), (7, 2), (6, 5), (8, 8)])
def test_any_size(name, size):
    make, channels = ATTENTIONS[name]
    out = randomise(make()).eval()(torch.randn(2, 24, *size))
    assert out.shape == (2, channels, *size)
    assert out.isfinite().all() and out.std() > 0


@pytest.mark.parametrize('name', ATTENTIONS)
def test_every_weight_gets_a_gradient(name):
    layer = randomise(ATTENTIONS[name][0]())
    x = torch.randn(2, 24, 6, 5, requires_grad=True)
    layer(x).pow(3).sum().backward()
    for key, parameter in (('x', x), *layer.named_parameters()):
        # A shift before batch norm changes nothing in training
        assert parameter.grad.abs().max() > 1e-7, key


@pytest.mark.parametrize(
    ('call', 'error', 'argument'),
    [
        (lambda: CBAM(0), ValueError, 'channels'),
        (lambda: CBAM(8.0), TypeError, 'channels'),
        (lambda: CBAM(8, reduction=True), TypeError, 'reduction'),
        (lambda: CBAM(8, kernel_size=4), ValueError, 'kernel_size'),
        (lambda: CoordinateAttention(8, reduction=0), ValueError, 'reduction'),
        (lambda: CoordinateAttention(8, min_channels=1.5), TypeError, 'min_channels'),
        (lambda: DFCAttention(3, 8.0), TypeError, 'out_channels'),
        (lambda: DFCAttention(3, 8, kernel_size=4), ValueError, 'kernel_size'),
        (lambda: DFCAttention(3, 8, pool='sum'), ValueError, 'pool'),
        (lambda: DFCAttention(3, 8, pool=2), TypeError, 'pool'),
        (lambda: DFCAttention(3, 8, upsample='linear'), ValueError, 'upsample'),
        (lambda: DFCAttention(3, 8, scale=None), TypeError, 'scale'),
        (lambda: DFCAttention(3, 8, scale_first=1), TypeError, 'scale_first'),
        (lambda: FullyConnectedDFC(2, 7), TypeError, 'size'),
        (lambda: FullyConnectedDFC(2, (7,)), ValueError, 'size'),
        (lambda: MobileViTAttention(8, 8, embed_dims=10), ValueError, 'embed_dims'),
        (lambda: MobileViTAttention(6, 8), ValueError, 'embed_dims'),
        (lambda: MobileViTAttention(8, 8, num_heads=0), ValueError, 'num_heads'),
        (lambda: MobileViTAttention(8, 8, patch_size='2'), TypeError, 'patch_size'),
        (lambda: SqueezeExcite(-1), ValueError, 'channels'),
        (lambda: SqueezeExcite(8, squeeze_ratio='a'), TypeError, 'squeeze_ratio'),
    ],
)
def test_invalid_arguments_are_named(call, error, argument):
    with pytest.raises(error, match=f'^{argument} must be'):
        call()


# CBAM, Section 3


@pytest.mark.parametrize('kernel_size', [3, 7])
@pytest.mark.parametrize('size', [(5, 7), (1, 1), (1, 6), (8, 8)])
def test_cbam_is_equations_3_and_4(size, kernel_size):
    layer = randomise(CBAM(24, reduction=8, kernel_size=kernel_size, norm_cfg=None)).eval()
    x = torch.randn(2, 24, *size)
    first, second = (part.conv for part in layer.channel)

    def perceptron(pooled):
        hidden = (pooled @ first.weight.flatten(1).T + first.bias).relu()
        return hidden @ second.weight.flatten(1).T + second.bias

    flat = x.flatten(2)
    channel = torch.sigmoid(perceptron(flat.mean(2)) + perceptron(flat.max(2).values))
    refined = x * channel[:, :, None, None]
    pooled = torch.stack((refined.mean(1), refined.max(1).values), 1)
    conv = layer.spatial.conv
    spatial = F.conv2d(pooled, conv.weight, conv.bias, padding=kernel_size // 2).sigmoid()
    expected = refined * spatial
    assert first.out_channels == 3
    torch.testing.assert_close(layer(x), expected)
    assert (expected - x).abs().max() > 0.1


# Coordinate attention, Section 3.2


@pytest.mark.parametrize('size', [(5, 7), (1, 1), (1, 6), (8, 3)])
def test_coordinate_attention_is_equations_4_to_9(size):
    layer = randomise(CoordinateAttention(24, reduction=2, norm_cfg=None)).eval()
    x = torch.randn(2, 24, *size)

    def matrix(part, pooled):
        product = torch.einsum('oc,ncl->nol', part.conv.weight[..., 0, 0], pooled)
        return product + part.conv.bias[:, None]

    def reduced(pooled):
        pooled = matrix(layer.reduce, pooled)
        return pooled * F.relu6(pooled + 3) / 6

    rows = matrix(layer.rows, reduced(x.sum(3) / size[1])).sigmoid()
    columns = matrix(layer.columns, reduced(x.sum(2) / size[0])).sigmoid()
    expected = torch.einsum('nchw,nch,ncw->nchw', x, rows, columns)
    assert layer.reduce.out_channels == 12
    torch.testing.assert_close(layer(x), expected)
    assert (expected - x).abs().max() > 0.1


def test_rows_and_columns_share_the_norm_layer():
    layer = randomise(CoordinateAttention(6)).train()
    x = torch.randn(3, 6, 4, 9)
    seen = []
    layer.reduce.norm.register_forward_pre_hook(lambda _, args: seen.append(args[0].shape))
    layer(x)
    assert seen == [(3, 8, 13, 1)]  # 8 channels at least, 4 rows and 9 columns


# DFC attention, GhostNetV2, Section 4


def test_dfc_attention_is_the_released_computation():
    attention = randomise(DFCAttention(4, 6, norm_cfg=None)).eval()
    x = torch.randn(2, 4, 7, 10)

    def conv(x, layer, **kwargs):
        return F.conv2d(x, layer.conv.weight, layer.conv.bias, **kwargs)

    pooled = x[..., :6, :10].reshape(2, 4, 3, 2, 5, 2).mean((3, 5))
    gate = conv(pooled, attention.pointwise)
    gate = conv(gate, attention.horizontal, padding=(0, 2), groups=6)
    gate = conv(gate, attention.vertical, padding=(2, 0), groups=6).sigmoid()
    rows = [0, 0, 0, 1, 1, 2, 2]  # floor(i * 3 / 7)
    expected = gate[:, :, rows].repeat_interleave(2, 3)
    torch.testing.assert_close(attention(x), expected)


def gate_before_scaling(attention, pooled):
    return attention.vertical(attention.horizontal(attention.pointwise(pooled)))


@pytest.mark.parametrize(
    ('pool', 'expected'),
    [
        ('avg', lambda x: F.avg_pool2d(x, 2)),
        ('max', lambda x: F.max_pool2d(x, 2)),
        ('bilinear', lambda x: F.interpolate(x, scale_factor=0.5, mode='bilinear')),
    ],
)
def test_pools(pool, expected):
    attention = randomise(DFCAttention(4, 6, pool=pool)).eval()
    x = torch.randn(2, 4, 8, 10)
    gate = gate_before_scaling(attention, expected(x)).sigmoid()
    torch.testing.assert_close(attention(x), gate.repeat_interleave(2, 2).repeat_interleave(2, 3))


@pytest.mark.parametrize('upsample', ['nearest', 'bilinear', 'bicubic'])
@pytest.mark.parametrize('scale_first', [True, False])
@pytest.mark.parametrize(
    ('scale', 'function'),
    [
        ('sigmoid', lambda x: 1 / (1 + (-x).exp())),
        ('hard_sigmoid', lambda x: F.relu6(x + 3) / 6),
        ('clip', lambda x: x.clip(0, 1)),
    ],
)
def test_scales_before_and_after_upsampling(upsample, scale, function, scale_first):
    attention = DFCAttention(4, 6, upsample=upsample, scale=scale, scale_first=scale_first)
    randomise(attention).eval()
    x = 3 * torch.randn(2, 4, 8, 10)
    gate = gate_before_scaling(attention, F.avg_pool2d(x, 2))
    resize = nn.Upsample(scale_factor=2, mode=upsample)
    expected = resize(function(gate)) if scale_first else function(resize(gate))
    torch.testing.assert_close(attention(x), expected)
    assert attention(x).std() > 0.05


@pytest.mark.parametrize('pool', ['avg', 'max', 'bilinear'])
@pytest.mark.parametrize('upsample', ['nearest', 'bilinear', 'bicubic'])
@pytest.mark.parametrize('dilation', [1, 2, 4])
def test_every_choice_takes_any_size_and_dilates_exactly(pool, upsample, dilation):
    choices = dict(pool=pool, upsample=upsample, scale='hard_sigmoid')
    coarse = randomise(DFCAttention(4, 6, **choices)).double().eval()
    dense = DFCAttention(4, 6, dilation=dilation, **choices).double().eval()
    dense.load_state_dict(coarse.state_dict())
    for size in ((1, 1), (1, 9), (7, 2), (16, 12), (13, 19)):
        x = torch.randn(2, 4, *size, dtype=torch.double)
        found = dense(x)
        assert found.shape == (2, 6, *size)
        expected = coarse(x[..., ::dilation, ::dilation])
        torch.testing.assert_close(found[..., ::dilation, ::dilation], expected)


@pytest.mark.parametrize('size', [(1, 1), (1, 9), (6, 2), (7, 5), (14, 14)])
@pytest.mark.parametrize('kernel_size', [3, 5, 11])
def test_convolutions_are_equations_4_and_5_with_shared_weights(size, kernel_size):
    attention = randomise(DFCAttention(4, 6, kernel_size, norm_cfg=None)).double()
    lines = attention.vertical.conv, attention.horizontal.conv
    for conv in lines:
        nn.init.zeros_(conv.bias)
    layer = FullyConnectedDFC.from_convolutions(*lines, size)
    x = torch.randn(2, 6, *size, dtype=torch.double)
    layer.double()
    torch.testing.assert_close(layer(x), attention.horizontal(attention.vertical(x)))
    # Zero padding along one axis commutes with the other axis' convolution
    torch.testing.assert_close(layer(x), attention.vertical(attention.horizontal(x)))


def test_fully_connected_dfc_is_the_sums_of_equations_4_and_5():
    layer = FullyConnectedDFC(2, (3, 4))
    z = torch.randn(1, 2, 3, 4)
    for c in range(2):
        columns = torch.zeros(3, 4)
        for h in range(3):
            for w in range(4):
                columns[h, w] = sum(layer.vertical[c, w, h, k] * z[0, c, k, w] for k in range(3))
        for h in range(3):
            for w in range(4):
                expected = sum(layer.horizontal[c, h, w, k] * columns[h, k] for k in range(4))
                torch.testing.assert_close(layer(z)[0, c, h, w], expected)


@pytest.mark.slow
def test_dilated_dfc_attention_compiled_for_sizes_that_differ():
    dilated = DFCAttention(4, 6, dilation=2).eval()
    compiled = torch.compile(dilated)
    for size in ((32, 40), (46, 60), (23, 31)):
        x = torch.randn(1, 4, *size)
        with torch.no_grad():
            torch.testing.assert_close(compiled(x), dilated(x))


@pytest.mark.parametrize('dilation', [2, 3, 4])
@pytest.mark.parametrize('size', [(12, 12), (24, 36), (7, 10), (1, 9), (5, 1), (2, 2)])
def test_dilated_dfc_attention_attends_each_phase_by_itself(size, dilation):
    plain = randomise(DFCAttention(4, 6)).eval()
    dilated = DFCAttention(4, 6, dilation=dilation).eval()
    dilated.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, *size)
    gate = dilated(x)
    assert gate.shape == (2, 6, *size)
    whole = size[0] % dilation == 0 and size[1] % dilation == 0
    for row in range(dilation if whole else 1):
        for column in range(dilation if whole else 1):
            phase = slice(row, None, dilation), slice(column, None, dilation)
            torch.testing.assert_close(gate[(..., *phase)], plain(x[(..., *phase)]))


def test_one_pixel_maps_keep_their_attention():
    for size in ((1, 1), (1, 8), (8, 1)):
        gate = randomise(DFCAttention(4, 6)).eval()(torch.randn(1, 4, *size))
        assert ((gate > 0) & (gate < 1)).all() and gate.std() > 0


def test_ghost_module_v2_is_equation_6():
    module = randomise(GhostModuleV2(4, 10)).eval()
    x = torch.randn(2, 4, 9, 6)
    ghost = GhostModule(4, 10).eval()
    ghost.load_state_dict(module.state_dict(), strict=False)
    torch.testing.assert_close(module(x), ghost(x) * module.attention(x))


@pytest.mark.parametrize('size, coarse', [((6, 4), (3, 2)), ((7, 5), (3, 2)), ((1, 9), (1, 4))])
def test_gated_concat(size, coarse):
    parts = [
        torch.randn(2, channels, *shape, dtype=torch.double, requires_grad=True)
        for channels, shape in ((3, size), (2, size), (5, coarse))
    ]
    expected = torch.cat(parts[:2], 1) * F.interpolate(parts[2], size=size, mode='nearest')
    assert torch.equal(gated_concat(*parts), expected)
    with torch.no_grad():
        assert torch.equal(gated_concat(*parts), expected)
    check = dict(check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradcheck(gated_concat, parts, **check)
    assert torch.autograd.gradgradcheck(gated_concat, parts)


@pytest.mark.parametrize(
    'layer',
    [
        DFCAttention(4, 6, pool='bilinear', upsample='bilinear', dilation=2),
        GhostModuleV2(4, 9),
        MobileViTAttention(4, 6),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_traced_by_fx(layer):
    traced = torch.fx.symbolic_trace(layer.eval())
    for size in ((6, 4), (7, 5), (2, 9)):
        x = torch.randn(2, 4, *size)
        assert torch.equal(traced(x), layer(x))


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


# MobileViT's attention, Section 3.1


def mmpretrains(layer, patch_size=2):
    """mmpretrain's MobileViT block without what the attention alone has not."""
    from mmpretrain.models.backbones.mobilevit import MobileVitBlock

    dims = layer.norm.normalized_shape[0]
    block = MobileVitBlock(
        layer.reduce.in_channels,
        dims,
        dims,
        layer.expand.out_channels,
        act_cfg=None,
        num_transformer_blocks=1,
        patch_size=patch_size,
        num_heads=layer.num_heads,
        no_fusion=True,
    ).eval()
    transformer = block.global_rep[0]
    block.local_rep = layer.reduce
    for parameter in transformer.ffn.parameters():
        nn.init.zeros_(parameter)
    for theirs, ours in (
        (transformer.ln1, layer.norm),
        (transformer.attn.qkv, layer.qkv),
        (transformer.attn.proj, layer.project),
        (block.global_rep[1], layer.final_norm),
        (block.conv_proj, layer.expand),
    ):
        theirs.load_state_dict(ours.state_dict())
    return block


@pytest.mark.parametrize('size', [(4, 6), (7, 7), (1, 5)])
@pytest.mark.parametrize(('num_heads', 'patch_size'), [(4, 2), (1, 3)])
def test_mobilevit_attention_equals_mmpretrains(size, num_heads, patch_size):
    layer = MobileViTAttention(
        6, 10, embed_dims=12, num_heads=num_heads, patch_size=patch_size
    ).eval()
    randomise(layer)
    x = torch.randn(2, 6, *size)
    with torch.no_grad():
        torch.testing.assert_close(layer(x), mmpretrains(layer, patch_size)(x))


def test_a_pixel_attends_to_its_place_in_other_patches():
    layer = randomise(MobileViTAttention(8, 8)).eval()
    attention = nn.MultiheadAttention(8, 4, batch_first=True).eval()
    attention.in_proj_weight.data, attention.in_proj_bias.data = (
        layer.qkv.weight.data,
        layer.qkv.bias.data,
    )
    attention.out_proj.load_state_dict(layer.project.state_dict())
    x = torch.randn(2, 8, 6, 4)
    features = layer.reduce(x)
    attended = torch.zeros_like(features)
    for row in range(2):
        for column in range(2):
            place = features[..., row::2, column::2]
            tokens = place.flatten(2).transpose(1, 2)
            normed = layer.norm(tokens)
            tokens = layer.final_norm(tokens + attention(normed, normed, normed)[0])
            attended[..., row::2, column::2] = tokens.transpose(1, 2).reshape(place.shape)
    torch.testing.assert_close(layer(x), layer.expand(attended))


def test_dilated_mobilevit_attention_attends_each_phase_by_itself():
    plain = randomise(MobileViTAttention(4, 6)).eval()
    dilated = MobileViTAttention(4, 6, dilation=2).eval()
    dilated.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, 8, 12)
    found = dilated(x)
    for row in range(2):
        for column in range(2):
            phase = (..., slice(row, None, 2), slice(column, None, 2))
            torch.testing.assert_close(found[phase], plain(x[phase]))


@pytest.mark.parametrize('size', [(7, 7), (1, 5)])
def test_mobilevit_attention_gates_a_ghost_module(size):
    cfg = dict(type='mmghost.MobileViTAttention', act_cfg=dict(type='Sigmoid'))
    module = randomise(GhostModuleV2(8, 20, attention_cfg=cfg)).eval()
    x = torch.randn(2, 8, *size)
    gate = module.attention(x)
    assert gate.shape == (2, 20, *size) and (gate > 0).all() and (gate < 1).all()
    ungated = module(x) / gate
    assert ungated.abs().max() > 0.1
    module.attention = nn.Identity()
    module.attention.forward = lambda x: 1
    torch.testing.assert_close(ungated, module(x))


def test_mobilevit_attention_is_counted_by_its_projections():
    layer = MobileViTAttention(8, 12, embed_dims=16)
    found = count_complexity(layer, (7, 7), 8)
    assert found.multiply_adds == 49 * (8 * 16 + 16 * 12) + 64 * 4 * 16 * 16


# Squeeze-and-excitation


def test_squeeze_excite():
    layer = randomise(SqueezeExcite(72)).eval()
    assert layer.reduce.out_channels == 20  # 18 rounded to a multiple of 4, not below 90 %
    x = torch.randn(2, 72, 3, 5)
    hidden = layer.reduce.conv(x.mean((2, 3), keepdim=True)).relu()
    gate = F.relu6(layer.expand.conv(hidden) + 3) / 6
    torch.testing.assert_close(layer(x), x * gate)


@pytest.mark.parametrize('name', ATTENTIONS)
def test_traced_graphs_are_right_at_other_sizes_or_fail(name):
    """By torch.jit, and by the ONNX exporter that is built on it."""
    attention = randomise(ATTENTIONS[name][0]()).eval()
    other = torch.randn(2, 24, 13, 12)
    silent = onnxruntime.SessionOptions()
    silent.log_severity_level = 4
    axes = dict(x={0: 'batch', 2: 'height', 3: 'width'})
    for size in ((8, 8), (1, 2)):
        example, file = torch.randn(1, 24, *size), io.BytesIO()
        options = dict(dynamo=False, input_names=['x'], dynamic_axes=axes)
        torch.onnx.export(attention, (example,), file, **options)
        session = onnxruntime.InferenceSession(file.getvalue(), silent)
        graphs = (
            torch.jit.trace(attention, example),
            lambda x, session=session: torch.from_numpy(session.run(None, {'x': x.numpy()})[0]),
        )
        for graph in graphs:
            assert torch.allclose(graph(example), attention(example), atol=1e-4)
            if 'dfc' in name and size == (1, 2):  # of one pixel, which is not pooled
                with pytest.raises(Exception, match='(?i)shape'):
                    graph(other)
            else:
                assert torch.allclose(graph(other), attention(other), atol=1e-4)
