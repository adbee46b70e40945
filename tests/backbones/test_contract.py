"""What every backbone promises, whatever its class."""

import copy
import io
import pickle
import re

import pytest
import torch
from helpers import randomise, settle
from mmengine.registry import MODELS, DefaultScope
from torch import nn
from torch.ao.quantization import get_default_qat_qconfig_mapping
from torch.ao.quantization.quantize_fx import convert_fx, prepare_qat_fx
from torch.func import functional_call, grad, jvp, vmap
from torchvision.models.feature_extraction import create_feature_extractor

import mmghost

MOBILENET = dict(
    type='mmghost.AttentiveBackbone',
    attention_cfg=dict(type='mmghost.DFCAttention'),
    where='gate',
    widen_factor=0.25,
    out_indices=(1, 2, 4, 7),
)
GHOST = dict(widen_factor=0.25, out_indices=(0, 1, 2, 3, 4, 5))
#: The config of each, the strides of its maps, and whether it takes images of any size
BACKBONES = {
    'GhostNet': (dict(GHOST, type='mmghost.GhostNet'), (2, 4, 8, 16, 32, 32), True),
    'GhostNetV2': (dict(GHOST, type='mmghost.GhostNetV2'), (2, 4, 8, 16, 32, 32), True),
    'GhostNetV3': (dict(GHOST, type='mmghost.GhostNetV3'), (2, 4, 8, 16, 32, 32), True),
    'GhostNetV2-d16': (
        dict(GHOST, type='mmghost.GhostNetV2', output_stride=16),
        (2, 4, 8, 16, 16, 16),
        True,
    ),
    'GhostNetV2-d8': (
        dict(GHOST, type='mmghost.GhostNetV2', output_stride=8),
        (2, 4, 8, 8, 8, 8),
        True,
    ),
    'GhostResNet': (
        dict(type='mmghost.GhostResNet', depth=18, ratio=3, out_indices=(0, 1, 2, 3)),
        (4, 8, 16, 32),
        True,
    ),
    'GhostResNet-CIFAR': (
        dict(type='mmghost.GhostResNet', depth=20, out_indices=(0, 1, 2)),
        (1, 2, 4),
        True,
    ),
    'GhostVGG': (
        dict(type='mmghost.GhostVGG', depth=11, out_indices=(0, 1, 2, 3, 4)),
        (2, 4, 8, 16, 32),
        False,
    ),
    'AttentiveBackbone-mmpretrain': (
        dict(MOBILENET, backbone='mmpretrain.MobileNetV2'),
        (4, 8, 16, 32),
        True,
    ),
    'AttentiveBackbone-mmdet': (
        dict(MOBILENET, backbone='mmdet.MobileNetV2'),
        (4, 8, 16, 32),
        True,
    ),
    'Ghostified': (
        dict(
            type='mmghost.Ghostified',
            model=dict(type='mmdet.ResNet', depth=18, out_indices=(0, 1, 2, 3)),
            skip=['conv1'],
        ),
        (4, 8, 16, 32),
        True,
    ),
}
OURS = [name for name in BACKBONES if name.startswith('GhostNet')]
every = pytest.mark.parametrize('name', BACKBONES)
ours = pytest.mark.parametrize('name', OURS)


def build(name, **kwargs):
    cfg = dict(BACKBONES[name][0])
    if name == 'Ghostified':
        cfg['model'] = dict(cfg['model'], **kwargs)
    else:
        cfg.update(kwargs)
    return MODELS.build(cfg)


def training(backbone):
    backbone.train()  # which returns nothing in the packages' MobileNetV2
    return backbone


def relative_error(found, expected):
    return ((found - expected).abs().max() / expected.abs().max()).item()


def assert_close(found, expected, tolerance):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.shape == other.shape
        assert relative_error(one.float(), other.float()) < tolerance


@every
@pytest.mark.parametrize('mode', [True, False])
def test_maps_have_the_promised_sizes(name, mode):
    _, strides, any_size = BACKBONES[name]
    backbone = build(name)
    backbone.train(mode)
    sizes = [(64, 64), (65, 33)]
    for size in [*sizes, (1, 1), (1, 50), (33, 2)] if any_size else sizes:
        outs = backbone(torch.randn(2, 3, *size))
        for out, stride in zip(outs, strides, strict=True):
            lengths = [-(-n // stride) if any_size else n // stride for n in size]
            assert out.shape[0] == 2 and list(out.shape[2:]) == lengths
            assert out.isfinite().all()
    if name in OURS:
        assert tuple(out.shape[1] for out in outs) == backbone.out_channels
        assert all(len(out) == 0 for out in backbone.eval()(torch.randn(0, 3, 64, 64)))


@every
def test_every_weight_learns(name):
    backbone = training(randomise(build(name)))
    sum(out.square().mean() for out in backbone(torch.randn(2, 3, 64, 64))).backward()
    for key, value in backbone.named_parameters():
        assert value.grad.isfinite().all(), key
        assert value.ndim == 1 or value.grad.abs().max() > 0, key


@every
@pytest.mark.parametrize(('frozen', 'norm_eval'), [(-1, True), (2, False)])
def test_freezing_and_kept_statistics(name, frozen, norm_eval):
    backbone = training(randomise(build(name, frozen_stages=frozen, norm_eval=norm_eval)))
    before = copy.deepcopy(backbone.state_dict())
    learning = {key for key, value in backbone.named_parameters() if value.requires_grad}
    assert (len(learning) == len(list(backbone.parameters()))) == (frozen == -1)
    # What has no gradient does not decay either
    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.1, weight_decay=0.1)
    sum(out.square().mean() for out in backbone(torch.randn(2, 3, 64, 64))).backward()
    optimizer.step()
    changed = {key for key, value in backbone.state_dict().items() if (value != before[key]).any()}
    weights = {key for key in learning if before[key].ndim > 1}
    assert weights and weights <= changed
    counts = {key for key in changed if key.endswith('num_batches_tracked')}
    assert changed <= learning or not norm_eval
    assert (not counts) == norm_eval
    if name in OURS:  # the packages' own keep the statistics of some frozen norms
        norms = {key.rpartition('.')[0] for key in learning if re.search(r'\.(bn|skip)\.', key)}
        assert norm_eval or norms == {key.rpartition('.')[0] for key in counts}


@ours
def test_frozen_are_the_stem_and_the_stages_up_to_the_index(name):
    for frozen in range(-1, 6):
        backbone = build(name, frozen_stages=frozen).train()
        still = [] if frozen < 0 else [backbone.stem, *backbone.stages[: frozen + 1]]
        found = [part for part in (backbone.stem, *backbone.stages) if not part.training]
        assert found == still
        assert not any(p.requires_grad for part in still for p in part.parameters())


@every
def test_checkpointing_changes_no_gradient(name):
    if name.startswith('GhostVGG'):
        pytest.skip("mmpretrain's VGG has no with_cp")
    x = torch.randn(2, 3, 64, 33, dtype=torch.double, requires_grad=True)
    grads, statistics = [], []
    for with_cp in (False, True):
        backbone = training(randomise(build(name, with_cp=with_cp)).double())
        sum(out.square().mean() for out in backbone(x)).backward()
        grads.append([p.grad for p in backbone.parameters()])
        statistics.append(dict(backbone.named_buffers()))
    torch.testing.assert_close(grads[0], grads[1])
    if name in OURS:  # the packages' own update theirs twice
        torch.testing.assert_close(statistics[0], statistics[1], rtol=0, atol=0)


@ours
def test_gradients_of_each_sample_and_of_gradients(name):
    backbone = settle(build(name))
    weights = dict(backbone.named_parameters())
    x = torch.randn(2, 3, 33, 32, dtype=torch.double)

    def loss(weights, image):
        (*_, last) = functional_call(backbone, weights, image[None])
        return last.square().mean()

    found = vmap(grad(loss), (None, 0))(weights, x)
    for index, image in enumerate(x):
        expected = torch.autograd.grad(loss(weights, image), list(weights.values()))
        torch.testing.assert_close([value[index] for value in found.values()], [*expected])

    def slope(image):
        return grad(loss, 1)(weights, image)

    image = x[0].requires_grad_()
    _, forward = jvp(slope, (image,), (x[1],))
    (first,) = torch.autograd.grad(loss(weights, image), image, create_graph=True)
    (second,) = torch.autograd.grad(first, image, x[1])
    assert second.abs().max() > 0
    torch.testing.assert_close(forward, second)  # the Hessian is symmetric


@ours
def test_traced_by_fx(name):
    backbone = settle(build(name)).float()
    traced = torch.fx.symbolic_trace(backbone)
    with torch.no_grad():
        for size in [(64, 64), (33, 50), (1, 40)]:
            x = torch.randn(2, 3, *size)
            assert_close(traced(x), backbone(x), 1e-5)
    maps = create_feature_extractor(backbone, ['stages.1', 'stages.3'])(x)
    assert maps['stages.3'].isfinite().all()


@pytest.mark.slow
@ours
def test_quantization_aware_training_by_fx(name):
    backbone = training(build(name))
    x = torch.randn(2, 3, 64, 64)
    backbone = prepare_qat_fx(backbone, get_default_qat_qconfig_mapping('x86'), (x,))
    sum(out.square().mean() for out in backbone(x)).backward()
    assert all(p.grad is not None for p in backbone.parameters())
    found = convert_fx(backbone.eval())(torch.randn(1, 3, 33, 50))
    assert [tuple(out.shape[2:]) for out in found[:2]] == [(17, 25), (9, 13)]


@every
def test_copies_pickles_and_state_dicts(name):
    backbone = randomise(build(name))
    backbone.eval()
    stored = io.BytesIO()
    torch.save(backbone.state_dict(), stored)
    stored.seek(0)
    loaded = build(name)
    loaded.eval()
    loaded.load_state_dict(torch.load(stored, weights_only=True))
    same = [copy.deepcopy(backbone), loaded]
    if name != 'GhostResNet-CIFAR':  # of a class that is made when it is built
        same.append(pickle.loads(pickle.dumps(backbone)))
    x = torch.randn(2, 3, 65, 64)
    with torch.no_grad():
        expected = backbone(x)
        for other in same:
            assert all(map(torch.equal, other(x), expected))


@ours
def test_the_same_in_other_forms(name):
    """In channels_last, in bfloat16, image by image, beside what is not finite."""
    backbone = settle(build(name)).float()
    x = torch.randn(3, 3, 65, 50)
    with torch.no_grad():
        expected = backbone(x)
        assert_close([out[1:2] for out in expected], backbone(x[1:2]), 1e-4)
        with torch.autocast('cpu', torch.bfloat16):
            assert_close(backbone(x), expected, 0.2)
        last = copy.deepcopy(backbone).to(memory_format=torch.channels_last)
        found = last(x.contiguous(memory_format=torch.channels_last))
        assert_close(found, expected, 1e-4)
        assert found[0].is_contiguous(memory_format=torch.channels_last)
        x[0], x[2] = torch.inf, torch.nan
        beside = backbone(x)
        assert_close([out[1:2] for out in beside], [out[1:2] for out in expected], 1e-4)
        assert not beside[-1][0].isfinite().all() and not beside[-1][2].isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize('name', ['GhostNet', 'GhostNetV2', 'GhostNetV2-d8', 'GhostNetV3'])
def test_exported_and_compiled(name):
    backbone = settle(build(name)).float()
    x = torch.randn(2, 3, 65, 33)
    with torch.no_grad():
        expected = backbone(x)
        assert_close(torch.export.export(backbone, (x,)).module()(x), expected, 1e-4)
        torch.compiler.reset()
        assert_close(torch.compile(backbone, backend='aot_eager')(x), expected, 1e-4)


@pytest.mark.slow
def test_compiled_by_inductor():
    """With every kind of bottleneck, dilated ones too."""
    backbone = settle(build('GhostNetV2-d8', out_indices=(1, 3))).float()
    x = torch.randn(2, 3, 65, 33)
    with torch.no_grad():
        assert_close(torch.compile(backbone)(x), backbone(x), 1e-4)


@pytest.mark.parametrize('scope', ['mmdet', 'mmseg', 'mmpretrain', 'mmghost'])
@pytest.mark.parametrize('prefix', ['mmghost.', ''])
@pytest.mark.parametrize('name', ['GhostNetV2', 'GhostVGG'])
def test_registered_in_every_scope(name, prefix, scope):
    registry = __import__(f'{scope}.registry', fromlist=['MODELS']).MODELS
    cfg = dict(BACKBONES[name][0], type=prefix + name)
    expected = type(getattr(mmghost.backbones, name)(**{k: cfg[k] for k in cfg if k != 'type'}))
    for where in (registry, MODELS):
        with DefaultScope.overwrite_default_scope(scope):
            backbone = where.build(dict(cfg))
        assert type(backbone) is expected and isinstance(backbone, nn.Module)
