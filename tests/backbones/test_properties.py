"""What holds for any input and any options of the backbones."""

import copy
import io
import pickle

import pytest
import torch
from helpers import randomise, settle
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mmghost.backbones import GhostNet, GhostNetV2

settings.register_profile(
    'mmghost',
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=8,
    phases=[Phase.generate],  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
settings.load_profile('mmghost')

SIDES = st.integers(1, 300)
SMALL = st.integers(1, 70)
INDICES = st.sets(st.integers(0, 5), min_size=1).map(sorted)
BACKBONES = st.builds(
    lambda cls, **options: (cls, options),
    st.sampled_from([GhostNet, GhostNetV2]),
    widen_factor=st.sampled_from([0.1, 0.25]),
    out_indices=INDICES,
    output_stride=st.sampled_from([8, 16, 32]),
)


def make(backbone):
    cls, options = backbone
    torch.manual_seed(0)
    return settle(cls(**options)).float()


def images(net, batch, height, width):
    torch.manual_seed(1)
    return torch.randn(batch, net.in_channels, height, width)


def assert_close(found, expected, tolerance=1e-4):
    """Compare maps, the tolerance a part of each one's largest value."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.shape == other.shape
        if other.numel():
            assert (one - other).abs().max() <= tolerance * other.abs().max().clamp(min=1e-6)


@given(BACKBONES, st.integers(0, 3), SIDES, SIDES, st.booleans())
def test_shapes_are_as_promised_and_finite(backbone, batch, height, width, train):
    net = make(backbone)
    if train:
        net.train()
        batch = max(batch, 2)  # batch norm needs more than one value
    outs = net(images(net, batch, height, width))
    options = backbone[1]
    for index, out, channels in zip(options['out_indices'], outs, net.out_channels, strict=True):
        stride = min(2 ** min(index + 1, 5), options['output_stride'])
        assert out.shape == (batch, channels, -(-height // stride), -(-width // stride))
        assert out.isfinite().all()


@given(BACKBONES, SMALL, SMALL)
def test_the_same_by_another_way(backbone, height, width):
    net = make(backbone)
    x = images(net, 2, height, width)
    with torch.no_grad():
        expected = net(x)
        stored = io.BytesIO()
        torch.save(net.state_dict(), stored)
        stored.seek(0)
        loaded = backbone[0](**backbone[1]).eval()
        loaded.load_state_dict(torch.load(stored, weights_only=True))
        for same in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), loaded):
            assert all(map(torch.equal, same(x), expected))
        last = net.to(memory_format=torch.channels_last)
        assert_close(last(x.contiguous(memory_format=torch.channels_last)), expected)


@given(BACKBONES, SMALL, SMALL)
def test_a_result_does_not_depend_on_its_neighbours(backbone, height, width):
    net = make(backbone)
    x = images(net, 3, height, width)
    with torch.no_grad():
        together = net(x)
        alone = net(x[1:2])
        x[0], x[2] = torch.inf, torch.nan
        beside = net(x)
    assert_close([out[1:2] for out in together], alone)
    assert_close([out[1:2] for out in beside], alone)


@given(BACKBONES, SMALL, st.integers(3, 70))
def test_bfloat16_is_within_its_precision(backbone, height, width):
    """In bfloat16, of 8 bits, the maps stay within a fifth of their largest value.

    From 3 pixels of width on: with AMX, oneDNN's strided convolution of narrower images reads
    memory that nothing has written.
    """
    net = make(backbone)
    x = images(net, 2, height, width)
    with torch.no_grad():
        expected = net(x)
        with torch.autocast('cpu', torch.bfloat16):
            found = net(x)
    assert_close([out.float() for out in found], expected, tolerance=0.2)


@given(BACKBONES, st.integers(-1, 5), st.booleans())
def test_frozen_stages_and_kept_statistics(backbone, frozen, norm_eval):
    cls, options = backbone
    options = dict(options, frozen_stages=frozen, norm_eval=norm_eval)
    net = make((cls, options)).train()
    before = copy.deepcopy(net.state_dict())
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = sum(out.square().mean() for out in net(images(net, 2, 40, 33)))
    if loss.requires_grad:
        loss.backward()
        optimizer.step()
    still = tuple(f'stages.{index}.' for index in range(frozen + 1))
    for name, value in net.state_dict().items():
        if frozen >= 0 and name.startswith(('stem.', *still)):
            assert torch.equal(value, before[name]), name
        elif 'running' in name or 'tracked' in name:
            assert torch.equal(value, before[name]) == norm_eval, name


@settings(max_examples=2)
@given(BACKBONES, SMALL, SMALL)
def test_compiled(backbone, height, width):
    net = make(backbone)
    x = images(net, 2, height, width)
    with torch.no_grad():
        assert_close(torch.compile(net, backend='aot_eager')(x), net(x))
    torch.compiler.reset()


@settings(max_examples=2)
@given(BACKBONES, st.integers(2, 70), st.integers(2, 70))
def test_exported(backbone, height, width):
    net = make(backbone)
    x = images(net, 2, height, width)
    with torch.no_grad():
        assert_close(torch.export.export(net, (x,)).module()(x), net(x))


@pytest.mark.slow
@settings(max_examples=200)
@given(BACKBONES, st.integers(0, 4), SIDES, SIDES, st.booleans())
def test_many_shapes(backbone, batch, height, width, train):
    test_shapes_are_as_promised_and_finite.hypothesis.inner_test(
        backbone, batch, height, width, train
    )


@pytest.mark.slow
def test_compiled_by_inductor():
    net = make((GhostNetV2, dict(widen_factor=0.1, out_indices=(0, 4))))
    x = images(net, 2, 65, 33)
    with torch.no_grad():
        assert_close(torch.compile(net)(x), net(x))


@pytest.mark.parametrize('cls', [GhostNet, GhostNetV2])
@pytest.mark.parametrize('value', [torch.nan, torch.inf])
def test_what_is_not_finite_spreads(cls, value):
    x = torch.zeros(1, 3, 64, 64)
    x[..., 0, 0] = value
    (out,) = randomise(cls(0.1)).eval()(x)
    assert not out.isfinite().all()
