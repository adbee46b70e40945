import subprocess
import sys

import pytest
import torch
from helpers import randomise
from torch import nn

from mmghost.layers import GhostModuleV2, MobileViTAttention

SIZES = ((4, 6), (7, 7), (1, 1), (1, 5), (9, 4))


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


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize(('num_heads', 'patch_size'), [(4, 2), (1, 3)])
def test_equals_mmpretrain(size, num_heads, patch_size):
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


def test_dilated_attention_attends_each_phase_by_itself():
    plain = randomise(MobileViTAttention(4, 6)).eval()
    dilated = MobileViTAttention(4, 6, dilation=2).eval()
    dilated.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, 8, 12)
    found = dilated(x)
    for row in range(2):
        for column in range(2):
            phase = (..., slice(row, None, 2), slice(column, None, 2))
            torch.testing.assert_close(found[phase], plain(x[phase]))


@pytest.mark.parametrize('size', SIZES)
def test_gates_a_ghost_module(size):
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


def test_every_weight_gets_a_gradient():
    layer = randomise(MobileViTAttention(8, 12, embed_dims=16))
    x = torch.randn(2, 8, 6, 5, requires_grad=True)
    layer(x).pow(3).sum().backward()
    for name, parameter in (('x', x), *layer.named_parameters()):
        # A shift before batch norm changes nothing in training
        assert parameter.grad.abs().max() > 1e-6, name
    keys = layer.qkv.bias.grad.unflatten(0, (3, 16))[1]
    assert keys.abs().max() < 1e-4  # nor does one of all keys, before the softmax


def test_is_counted_by_its_projections():
    from mmghost.utils.complexity import count_complexity

    layer = MobileViTAttention(8, 12, embed_dims=16)
    found = count_complexity(layer, (7, 7), 8)
    assert found.multiply_adds == 49 * (8 * 16 + 16 * 12) + 64 * 4 * 16 * 16


def test_mmpretrain_is_not_imported():
    code = 'import sys, mmghost; assert not {"mmpretrain", "mmdet", "mmseg"} & set(sys.modules)'
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True)


@pytest.mark.parametrize(
    ('kwargs', 'error', 'argument'),
    [
        (dict(in_channels=0), ValueError, 'in_channels'),
        (dict(out_channels=2.0), TypeError, 'out_channels'),
        (dict(embed_dims=0), ValueError, 'embed_dims'),
        (dict(embed_dims=10), ValueError, 'embed_dims'),
        (dict(in_channels=6), ValueError, 'embed_dims'),
        (dict(num_heads=0), ValueError, 'num_heads'),
        (dict(patch_size='2'), TypeError, 'patch_size'),
        (dict(dilation=0), ValueError, 'dilation'),
    ],
)
def test_invalid_arguments_are_named(kwargs, error, argument):
    with pytest.raises(error, match=f'^{argument} must be'):
        MobileViTAttention(**dict(dict(in_channels=8, out_channels=8), **kwargs))
