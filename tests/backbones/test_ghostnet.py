import pytest
import timm
import torch
from helpers import randomise, settle
from timm.layers.activations import HardSigmoid
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.checkpoint import rename_timm_keys
from mmghost.layers import DFCAttention

ALL = (0, 1, 2, 3, 4, 5)
STRIDES = (2, 4, 8, 16, 32, 32)
TIMM = {
    'ghostnet_050': (GhostNet, 0.5),
    'ghostnet_100': (GhostNet, 1.0),
    'ghostnet_130': (GhostNet, 1.3),
    'ghostnetv2_100': (GhostNetV2, 1.0),
    'ghostnetv2_130': (GhostNetV2, 1.3),
    'ghostnetv2_160': (GhostNetV2, 1.6),
}
SIZES = ((224, 224), (97, 65))
BOTH = pytest.mark.parametrize('backbone_class', [GhostNet, GhostNetV2])


def make_pair(name, **kwargs):
    """timm's model with random weights and statistics, and ours with the same."""
    theirs = randomise(timm.create_model(name))
    backbone, width = TIMM[name]
    ours = backbone(width, out_indices=(5,), **kwargs)
    left = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not left.missing_keys
    assert all(key.startswith(('conv_head', 'classifier')) for key in left.unexpected_keys)
    return theirs, ours


def relative_error(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('name', TIMM)
def test_final_map_equals_timm(name, size):
    theirs, ours = make_pair(name)
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = theirs.eval().forward_features(x)
        (found,) = ours.eval()(x)
    assert expected.std() > 0.01
    assert relative_error(found, expected) < 1e-5


@pytest.mark.parametrize('size', [(65, 97)])
@pytest.mark.parametrize('name', TIMM)
def test_gradients_equal_timm_in_training(name, size):
    theirs, ours = (model.double().train() for model in make_pair(name))
    for part in theirs.modules():
        if hasattr(part, 'gate'):  # torch's hardsigmoid has a slope of single precision, 1/6
            part.gate = HardSigmoid()
    x = torch.randn(2, 3, *size, dtype=torch.double)
    expected, (found,) = theirs.forward_features(x), ours(x)
    weight = torch.randn_like(expected)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()

    expected_grads = {
        key: value.grad for key, value in theirs.named_parameters() if value.grad is not None
    }
    rename_timm_keys(expected_grads)
    grads = {key: value.grad for key, value in ours.named_parameters()}
    assert grads.keys() == expected_grads.keys()
    # Some gradients are zero in exact arithmetic: a shift before a batch norm changes nothing.
    for key, grad in grads.items():
        torch.testing.assert_close(grad, expected_grads[key], rtol=1e-8, atol=1e-9, msg=key)
    assert sum(grad.abs().max() > 1e-3 for grad in grads.values()) > 0.8 * len(grads)

    statistics = dict(theirs.named_buffers())
    rename_timm_keys(statistics)
    for key, value in ours.named_buffers():
        torch.testing.assert_close(value, statistics[key])


@pytest.mark.parametrize(
    ('widen_factor', 'channels'),
    [
        (0.5, (8, 12, 20, 56, 80, 480)),
        (1.0, (16, 24, 40, 112, 160, 960)),
        (1.3, (20, 32, 52, 144, 208, 1248)),
        (1.6, (24, 40, 64, 180, 256, 1536)),
    ],
)
@BOTH
def test_channels(backbone_class, widen_factor, channels):
    backbone = backbone_class(widen_factor, out_indices=ALL).eval()
    assert backbone.out_channels == channels
    with torch.no_grad():
        outs = backbone(torch.randn(1, 3, 64, 96))
    assert tuple(out.shape[1] for out in outs) == channels


def without_squeeze_excite(backbone):
    """Its mean is over a denser map at a smaller output stride, so it alone differs."""
    for module in backbone.modules():
        if hasattr(module, 'se'):
            module.se = nn.Identity()
    return backbone


@BOTH
@pytest.mark.parametrize('output_stride', [8, 16])
@pytest.mark.parametrize('size', [(97, 65), (5, 1)])
def test_output_stride_keeps_the_function_on_the_coarse_grid(backbone_class, size, output_stride):
    coarse = settle(without_squeeze_excite(backbone_class(0.5, out_indices=ALL)))
    dense = without_squeeze_excite(
        backbone_class(0.5, out_indices=ALL, output_stride=output_stride).double().eval()
    )
    dense.load_state_dict(coarse.state_dict())
    x = torch.randn(2, 3, *size, dtype=torch.double)
    with torch.no_grad():
        for expected, found, stride in zip(coarse(x), dense(x), STRIDES):
            step = max(1, stride // output_stride)
            assert expected.std() > 1e-3
            assert relative_error(found[..., ::step, ::step], expected) < 1e-10


@pytest.mark.parametrize('size', [(1, 1), (1, 8), (8, 1)])
def test_one_pixel_maps_keep_their_attention(size):
    attention = randomise(DFCAttention(4, 6)).eval()
    gate = attention(torch.randn(1, 4, *size))
    assert gate.shape == (1, 6, *size)
    assert ((gate > 0) & (gate < 1)).all()
    assert gate.std() > 0


def test_attention_is_in_every_bottleneck_but_the_first_two():
    backbone = GhostNetV2()
    blocks = every_bottleneck(backbone)
    with_attention = [hasattr(block.ghost1, 'attention') for block in blocks]
    assert with_attention == [False] * 2 + [True] * 14
    assert not any(hasattr(block.ghost2, 'attention') for block in blocks)


def test_only_what_is_needed_is_built():
    assert len(GhostNetV2(out_indices=(2,)).stages) == 3
    assert len(GhostNetV2(out_indices=(0, 4)).stages) == 5
    assert len(GhostNetV2(out_indices=(5,)).stages) == 6
    wide, narrow = (
        sum(p.numel() for p in GhostNetV2(out_indices=o).parameters()) for o in ((4,), (3,))
    )
    assert wide > 2 * narrow


def test_outputs_do_not_depend_on_which_are_chosen():
    every = randomise(GhostNetV2(0.5, out_indices=ALL)).eval()
    some = GhostNetV2(0.5, out_indices=(1, 3)).eval()
    some.load_state_dict(every.state_dict(), strict=False)
    x = torch.randn(1, 3, 65, 33)
    outs = every(x)
    for found, index in zip(some(x), (1, 3)):
        assert torch.equal(found, outs[index])


@BOTH
def test_other_layers(backbone_class):
    backbone = backbone_class(
        0.5,
        conv_cfg=dict(type='Conv2d'),
        norm_cfg=dict(type='GN', num_groups=2),
        act_cfg=dict(type='LeakyReLU', negative_slope=0.1),
    )
    kinds = {type(module) for module in backbone.modules()}
    assert nn.GroupNorm in kinds and nn.LeakyReLU in kinds
    assert not kinds & {nn.BatchNorm2d, nn.ReLU}
    assert backbone(torch.randn(1, 3, 32, 32))[0].isfinite().all()


@pytest.mark.parametrize(
    ('error', 'argument', 'value'),
    [
        (TypeError, 'widen_factor', '1.0'),
        (TypeError, 'widen_factor', None),
        (TypeError, 'widen_factor', True),
        (ValueError, 'widen_factor', 0),
        (ValueError, 'widen_factor', -1.0),
        (ValueError, 'widen_factor', float('nan')),
        (ValueError, 'widen_factor', float('inf')),
        (TypeError, 'in_channels', '3'),
        (TypeError, 'in_channels', 3.0),
        (ValueError, 'in_channels', 0),
        (TypeError, 'out_indices', 4),
        (TypeError, 'out_indices', '4'),
        (TypeError, 'out_indices', None),
        (TypeError, 'out_indices', ('4',)),
        (TypeError, 'out_indices', (4.0,)),
        (TypeError, 'out_indices', (True,)),
        (ValueError, 'out_indices', ()),
        (ValueError, 'out_indices', (6,)),
        (ValueError, 'out_indices', (-1,)),
        (ValueError, 'out_indices', (4, 2)),
        (ValueError, 'out_indices', (4, 4)),
        (TypeError, 'output_stride', '8'),
        (TypeError, 'output_stride', 8.0),
        (TypeError, 'output_stride', None),
        (TypeError, 'output_stride', True),
        (ValueError, 'output_stride', 4),
        (ValueError, 'output_stride', 64),
        (TypeError, 'frozen_stages', '0'),
        (TypeError, 'frozen_stages', 1.5),
        (ValueError, 'frozen_stages', 6),
        (ValueError, 'frozen_stages', -2),
        (TypeError, 'norm_eval', 'yes'),
        (TypeError, 'norm_eval', 1),
        (TypeError, 'with_cp', 'no'),
        (TypeError, 'conv_cfg', 'Conv2d'),
        (TypeError, 'norm_cfg', 'BN'),
        (TypeError, 'act_cfg', 'ReLU'),
    ],
)
@BOTH
def test_invalid_arguments_are_named(backbone_class, error, argument, value):
    with pytest.raises(error, match=f'{argument}.* must be .*, but got'):
        backbone_class(**{argument: value})


def test_init_weights_from_a_pretrained_checkpoint(tmp_path):
    source = randomise(timm.create_model('ghostnetv2_100'))
    torch.save(source.state_dict(), tmp_path / 'timm.pth')
    backbone = GhostNetV2(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'timm.pth')))
    backbone.init_weights()
    assert torch.equal(backbone.stem.conv.weight, source.conv_stem.weight)
    last = backbone.stages[4][4].ghost1.attention.vertical.bn.running_var
    assert torch.equal(last, source.blocks[8][3].ghost1.short_conv[5].running_var)


def every_bottleneck(backbone):
    return [block for stage in backbone.stages for block in stage]


def test_v1_is_v2_without_attention():
    v1 = GhostNet(0.5, out_indices=ALL).state_dict()
    v2 = GhostNetV2(0.5, out_indices=ALL).state_dict()
    bare = GhostNetV2(0.5, out_indices=ALL, attention_cfg=[None] * 16).state_dict()
    assert v1.keys() == bare.keys() == {key for key in v2 if '.attention.' not in key}


def test_attention_by_bottleneck():
    cfgs = [None] * 2 + [dict(type='mmghost.DFCAttention', kernel_size=9, pool='max')] * 3
    cfgs += [None] * 10 + [dict(type='mmghost.DFCAttention', kernel_size=3, scale='clip')]
    backbone = GhostNetV2(0.5, attention_cfg=cfgs)
    attentions = [getattr(block.ghost1, 'attention', None) for block in every_bottleneck(backbone)]
    kernels = [a and a.horizontal.conv.kernel_size for a in attentions]
    assert kernels == [None] * 2 + [(1, 9)] * 3 + [None] * 10 + [(1, 3)]
    assert attentions[2].pool == 'max' and attentions[-1].scale == 'clip'
    (out,) = backbone(torch.randn(2, 3, 65, 33))
    out.sum().backward()
    assert all(p.grad is not None for p in backbone.parameters())


@pytest.mark.parametrize(
    ('enhance', 'where'), [('expressiveness', '1'), ('capacity', '2'), ('both', '12')]
)
@pytest.mark.parametrize('output_stride', [8, 32])
def test_enhance(enhance, where, output_stride):
    backbone = GhostNetV2(0.5, enhance=enhance, output_stride=output_stride)
    for block in every_bottleneck(backbone)[2:]:
        found = [i for i in '12' if hasattr(getattr(block, f'ghost{i}'), 'attention')]
        assert found == list(where)
    assert backbone(torch.randn(2, 3, 65, 33))[0].isfinite().all()


@pytest.mark.parametrize(
    ('error', 'argument', 'value'),
    [
        (TypeError, 'attention_cfg', 'DFC'),
        (TypeError, 'attention_cfg', None),
        (TypeError, 'each of attention_cfg', ['DFC'] * 16),
        (ValueError, 'attention_cfg', [None] * 15),
        (ValueError, 'enhance', 'neither'),
        (TypeError, 'enhance', 1),
    ],
)
def test_invalid_attention_is_named(error, argument, value):
    with pytest.raises(error, match=f'{argument} must be'):
        GhostNetV2(**{argument.split()[-1]: value})


@BOTH
def test_learning_rates_by_layer(backbone_class):
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import init_default_scope
    from mmpretrain.models import ImageClassifier

    backbone = dict(type=backbone_class, widen_factor=0.5, out_indices=(5,))
    head = dict(type='LinearClsHead', in_channels=480, num_classes=2)
    init_default_scope('mmpretrain')
    model = ImageClassifier(backbone, dict(type='GlobalAveragePooling'), head)
    wrapper = build_optim_wrapper(
        model,
        dict(
            optimizer=dict(type='SGD', lr=1.0, weight_decay=0.1),
            constructor='mmpretrain.LearningRateDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.5),
        ),
    )
    given = {group['params'][0]: group['lr'] for group in wrapper.param_groups}
    rates = {name: given[weight] for name, weight in model.named_parameters()}
    depths = {'stem.conv': 0, 'stages.0.0': 1, 'stages.1.1': 3, 'stages.4.4': 16, 'stages.5': 17}
    for part, depth in depths.items():
        found = {rate for name, rate in rates.items() if name.startswith(f'backbone.{part}.')}
        assert found == {0.5 ** (18 - depth)}
    assert rates['head.fc.weight'] == 1
