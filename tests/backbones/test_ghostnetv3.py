"""GhostNetV3 is timm's while it trains, and GhostNetV2 when its branches are merged."""

import copy
import re

import pytest
import timm
import torch
from helpers import settle
from test_ghostnet import HardSigmoid, relative_error
from torch import nn

from mmghost.backbones import GhostNetV2, GhostNetV3
from mmghost.checkpoint import convert_checkpoint, rename_timm_keys
from mmghost.deploy import to_deploy_form

ALL = (0, 1, 2, 3, 4, 5)
TIMM = {'ghostnetv3_050': 0.5, 'ghostnetv3_100': 1.0, 'ghostnetv3_130': 1.3, 'ghostnetv3_160': 1.6}


def make_pair(name):
    theirs = timm.create_model(name)
    for norm in theirs.modules():
        if isinstance(norm, nn.BatchNorm2d):  # by as much as does not let maps grow without end
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, 0, 0.1)
    ours = GhostNetV3(TIMM[name], out_indices=(5,))
    left = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not left.missing_keys
    assert all(key.startswith(('conv_head', 'classifier')) for key in left.unexpected_keys)
    return theirs, ours


@pytest.mark.parametrize('size', [(224, 224), (97, 65)])
@pytest.mark.parametrize('name', TIMM)
def test_final_map_equals_timm(name, size):
    theirs, ours = make_pair(name)
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = theirs.eval().forward_features(x)
        assert expected.std() > 0.01
        assert relative_error(ours.eval()(x)[0], expected) < 1e-5


@pytest.mark.parametrize(
    'name', ['ghostnetv3_050', *(pytest.param(n, marks=pytest.mark.slow) for n in list(TIMM)[1:])]
)
def test_training_equals_timm(name):
    """Outputs, gradients and running statistics."""
    theirs, ours = (model.double().train() for model in make_pair(name))
    for part in theirs.modules():
        if hasattr(part, 'gate'):  # torch's hardsigmoid has a slope of single precision, 1/6
            part.gate = HardSigmoid()
    x = torch.randn(2, 3, 65, 33, dtype=torch.double)
    expected, (found,) = theirs.forward_features(x), ours(x)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    weight = torch.randn_like(expected)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()
    grads = {key: value.grad for key, value in theirs.named_parameters() if value.grad is not None}
    rename_timm_keys(grads)
    # Some are zero in exact arithmetic: a shift before a batch norm changes nothing
    for key, value in ours.named_parameters():
        torch.testing.assert_close(value.grad, grads[key], rtol=1e-6, atol=1e-7, msg=key)
    after = GhostNetV3(TIMM[name], out_indices=(5,)).double()
    after.load_state_dict(theirs.state_dict(), strict=False)
    for key, value in after.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('layout', ['timm', 'authors'])
def test_published_files_load_and_convert(layout, tmp_path):
    theirs, _ = make_pair('ghostnetv3_050')
    weights = theirs.state_dict()
    if layout == 'authors':
        weights = {re.sub(r'(_rpr_.*)bn1\.', r'\1bn.', key): v for key, v in weights.items()}
        weights |= {'total_ops': torch.zeros(1), 'conv_stem.total_params': torch.zeros(1)}
        other = {key: torch.zeros_like(value) for key, value in weights.items()}
        weights = dict(state_dict=other, state_dict_ema=weights)
    file = tmp_path / 'ghostnetv3-0.5.pth.tar'
    torch.save(weights, file)
    init_cfg = dict(type='Pretrained', checkpoint=str(file))
    ours = GhostNetV3(0.5, out_indices=(5,), init_cfg=init_cfg)
    ours.init_weights()
    meta = convert_checkpoint(file, tmp_path / 'back.pth', layout='timm')
    assert (meta['architecture'], meta['widen_factor']) == ('GhostNetV3', 0.5)
    back = timm.create_model('ghostnetv3_050', checkpoint_path=str(tmp_path / 'back.pth')).eval()
    x = torch.randn(1, 3, 97, 65)
    with torch.no_grad():
        expected = theirs.eval().forward_features(x)
        assert torch.equal(back.forward_features(x), expected)
        assert relative_error(ours.eval()(x)[0], expected) < 1e-5


def test_parameters_with_the_classifier():
    head = 960 * 1280 + 1280 + 1280 * 1000 + 1000
    found = sum(p.numel() for p in GhostNetV3(out_indices=(5,)).parameters())
    assert found + head == 8_129_028


@pytest.mark.parametrize('output_stride', [8, 16, 32])
@pytest.mark.parametrize('width', [0.5, pytest.param(1.0, marks=pytest.mark.slow)])
def test_merged_it_is_a_ghostnetv2(width, output_stride):
    backbone = settle(GhostNetV3(width, out_indices=ALL, output_stride=output_stride))
    merged = copy.deepcopy(backbone)
    merged.switch_to_deploy()
    single = copy.deepcopy(backbone).float()
    single.switch_to_deploy()
    plain = GhostNetV2(width, out_indices=ALL, output_stride=output_stride, deploy=True)
    plain.double().eval().load_state_dict(merged.state_dict(), strict=True)
    for size in ((64, 64), (33, 49), (1, 5)):
        x = torch.randn(1, 3, *size, dtype=torch.double)
        with torch.no_grad():
            for out, one, other, half in zip(backbone(x), merged(x), plain(x), single(x.float())):
                assert relative_error(one, out) < 1e-9
                assert torch.equal(one, other)
                assert relative_error(half, out) < 1e-4


@pytest.mark.parametrize('target', ['torch', 'onnxruntime', 'openvino', 'litert'])
def test_deploy_forms(target):
    backbone = settle(GhostNetV3(0.5, out_indices=ALL))
    x = torch.randn(1, 3, 64, 96, dtype=torch.double)
    with torch.no_grad():
        expected = backbone(x)
        for found, out in zip(to_deploy_form(backbone, target)(x), expected):
            assert relative_error(found, out) < 1e-9


def test_other_numbers_of_branches():
    backbone = settle(GhostNetV3(0.5, num_branches=1))
    assert not any('branches.1' in key for key in backbone.state_dict())
    with pytest.raises(ValueError, match='^num_branches must be'):
        GhostNetV3(num_branches=0)
