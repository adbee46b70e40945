"""GhostNetV3 is timm's while it trains, and GhostNetV2 when its branches are merged."""

import copy
import re

import pytest
import timm
import torch
from helpers import CONFIGS, settle
from mmcv.cnn import ConvModule
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from safetensors.torch import save_file
from test_ghostnet import HardSigmoid, relative_error
from timm.models.ghostnet import GhostModuleV3
from timm.utils.model import reparameterize_model
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2, GhostNetV3
from mmghost.checkpoint import convert_checkpoint, load_pretrained, rename_timm_keys
from mmghost.deploy import to_deploy_form
from mmghost.layers import BranchedConv, FoldingConvModule

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
    found = ours.state_dict()
    for key, value in after.state_dict().items():
        torch.testing.assert_close(found[key], value, rtol=1e-9, atol=1e-12)


def write(theirs, layout, folder):
    """Write a timm model's weights in a layout of GhostNetV3's; return the file."""
    file = folder / 'ghostnetv3-0.5.pth.tar'
    if layout == 'safetensors':
        file = folder / 'model.safetensors'
        save_file(theirs.state_dict(), file)
        return file
    weights = theirs.state_dict()
    if layout == 'authors':
        weights = {re.sub(r'(_rpr_.*)bn1\.', r'\1bn.', key): v for key, v in weights.items()}
        weights |= {'total_ops': torch.zeros(1), 'conv_stem.total_params': torch.zeros(1)}
        other = {key: torch.zeros_like(value) for key, value in weights.items()}
        weights = dict(state_dict=other, state_dict_ema=weights)
    torch.save(weights, file)
    return file


LAYOUTS = ['timm', 'safetensors', 'authors']


@pytest.mark.parametrize('layout', LAYOUTS)
def test_published_files_load_and_convert(layout, tmp_path):
    theirs, _ = make_pair('ghostnetv3_050')
    file = write(theirs, layout, tmp_path)
    init_cfg = dict(type='Pretrained', checkpoint=str(file))
    ours = GhostNetV3(0.5, out_indices=(5,), init_cfg=init_cfg)
    ours.init_weights()
    meta = convert_checkpoint(file, tmp_path / 'back.pth', layout='timm')
    assert (meta['architecture'], meta['widen_factor']) == ('GhostNetV3', 0.5)
    back = timm.create_model('ghostnetv3_050', checkpoint_path=str(tmp_path / 'back.pth')).eval()
    meta = convert_checkpoint(file, tmp_path / 'merged.pth', merge=True)
    assert (meta['architecture'], meta['deploy']) == ('GhostNetV2', True)
    merged = GhostNetV2(0.5, out_indices=(5,), deploy=True)
    load_pretrained(merged, tmp_path / 'merged.pth')
    x = torch.randn(1, 3, 97, 65)
    with torch.no_grad():
        expected = theirs.eval().forward_features(x)
        assert torch.equal(back.forward_features(x), expected)
        assert relative_error(ours.eval()(x)[0], expected) < 1e-5
        assert relative_error(merged.eval()(x)[0], expected) < 1e-5
    with pytest.raises(ValueError, match="no place in timm's layout"):
        convert_checkpoint(tmp_path / 'merged.pth', tmp_path / 'timm.pth', layout='timm')


@pytest.mark.parametrize('network', [GhostNetV2, GhostNetV3])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_merged_files_load(layout, network, tmp_path):
    """The authors' merging leaves the strided convolutions as they are, and both leave norms."""
    theirs, _ = make_pair('ghostnetv3_050')
    x = torch.randn(1, 3, 97, 65)
    with torch.no_grad():
        expected = theirs.eval().forward_features(x)
        for part in theirs.modules():
            if isinstance(part, GhostModuleV3) or layout != 'authors':
                getattr(part, 'reparameterize', int)()
        assert relative_error(theirs.forward_features(x), expected) < 1e-5
        file = write(theirs, layout, tmp_path)
        ours = network(0.5, out_indices=(5,), deploy=True)
        load_pretrained(ours, file)
        assert relative_error(ours.eval()(x)[0], expected) < 1e-5
        with pytest.raises(ValueError, match='another form.*: set deploy=True'):
            load_pretrained(network(0.5), file)


@pytest.mark.parametrize('merged', [False, True])
def test_whole_classifiers_load(merged, tmp_path):
    """As load_from, and mim test with the file as its checkpoint, load them."""
    theirs, _ = make_pair('ghostnetv3_100')
    x = torch.randn(2, 3, 97, 65)
    with torch.no_grad():
        expected = theirs.eval()(x)
    if merged:
        theirs = reparameterize_model(theirs)
    file = write(theirs, 'authors', tmp_path)
    config = Config.fromfile(CONFIGS / 'classification' / 'ghostnetv3-1.0x_8xb256_in1k.py')
    init_default_scope('mmpretrain')
    model = MODELS.build(dict(config.model, backbone=dict(config.model.backbone, deploy=merged)))
    load_checkpoint(model, str(file), strict=True)
    with torch.no_grad():
        assert relative_error(model.eval()(x), expected) < 1e-5


def test_files_of_another_form_are_refused(tmp_path):
    branched = write(timm.create_model('ghostnetv3_050'), 'timm', tmp_path)
    plain = tmp_path / 'plain.pth'
    torch.save(GhostNetV2(0.5).state_dict(), plain)
    for backbone, file, advice in (
        (GhostNetV2(0.5), branched, 'branches: take mmghost.GhostNetV3, or merge'),
        (GhostNetV2(0.5, deploy=True), branched, 'leave out deploy=True, or merge'),
        (GhostNetV3(0.5), plain, 'it has no branches'),
        (GhostNetV2(0.5, deploy=True), plain, 'it has norms.*leave out deploy=True'),
        (GhostNetV3(1.0), branched, 'another width'),
        (GhostNet(0.5), branched, 'it is with DFC attention'),
        (GhostNetV3(0.5, num_branches=2), branched, 'another architecture: .*branches.2'),
        (GhostNetV3(0.5, num_branches=4), branched, 'lacks .*branches.3'),
    ):
        with pytest.raises(ValueError, match=advice):
            load_pretrained(backbone, file)


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
    plain = GhostNetV2(width, out_indices=ALL, output_stride=output_stride, deploy=True)
    plain.double().eval().load_state_dict(merged.state_dict(), strict=True)
    for size in ((32, 32), (33, 17), (1, 5)):
        x = torch.randn(1, 3, *size, dtype=torch.double)
        with torch.no_grad():
            for out, one, other in zip(backbone(x), merged(x), plain(x)):
                assert relative_error(one, out) < 1e-9
                assert torch.equal(one, other)


@pytest.mark.parametrize('output_stride', [8, 16, 32])
@pytest.mark.parametrize('width', [0.5, pytest.param(1.0, marks=pytest.mark.slow)])
def test_merging_changes_no_bit_in_single_precision(width, output_stride):
    """Whatever the statistics, with which the networks themselves amplify rounding."""
    torch.manual_seed(0)
    backbone = GhostNetV3(width, out_indices=ALL, output_stride=output_stride).eval()
    for norm in (part for part in backbone.modules() if isinstance(part, nn.BatchNorm2d)):
        norm.running_mean.normal_()
        norm.running_var.copy_(10 ** torch.empty_like(norm.running_var).uniform_(-2, 2))
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    merged = copy.deepcopy(backbone)
    merged.switch_to_deploy()
    for size in ((64, 64), (33, 17), (1, 5)):
        x = torch.randn(2, 3, *size)
        with torch.no_grad():
            for one, other in zip(merged(x), backbone(x)):
                assert other.isfinite().all() and other.std() > 0
                assert torch.equal(one, other)


def test_evaluation_has_the_gradients_of_plain_layers():
    """Though it computes with folded norms."""
    backbone = settle(GhostNetV3(0.5, out_indices=ALL))
    x = torch.randn(1, 3, 33, 49, dtype=torch.double)

    def gradients(backbone):
        sum(out.square().sum() for out in backbone(x)).backward()
        return [value.grad for value in backbone.parameters()]

    plain = copy.deepcopy(backbone)
    for part in plain.modules():
        if isinstance(part, FoldingConvModule):
            part.__class__ = ConvModule
        elif isinstance(part, BranchedConv):
            part.can_merge = lambda: False
    for one, other in zip(gradients(backbone), gradients(plain)):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9 * other.abs().max().item())


def test_synchronised_norms_are_summed_and_merged():
    """Branch by branch while training, as their statistics are those of all processes."""
    plain = settle(GhostNetV3(0.5))
    backbone = GhostNetV3(0.5, norm_cfg=dict(type='SyncBN')).double().eval()
    backbone.load_state_dict(plain.state_dict())
    merged = copy.deepcopy(backbone)
    merged.switch_to_deploy()
    x = torch.randn(1, 3, 33, 49, dtype=torch.double)
    with torch.no_grad():
        expected = plain(x)[0]
        for network in (backbone, merged):
            assert relative_error(network(x)[0], expected) < 1e-9
    assert merged.state_dict().keys() == GhostNetV2(0.5, deploy=True).state_dict().keys()


@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16])
def test_half_weights_normalise_in_single_precision(dtype, monkeypatch):
    """So that what is computed is no farther off than branch by branch."""
    torch.manual_seed(0)
    backbone, x = GhostNetV3(0.5).train(), torch.randn(4, 3, 64, 96)

    def run(dtype):
        return copy.deepcopy(backbone).to(dtype)(x.to(dtype))[0].detach().double()

    expected, found = run(torch.float), run(dtype)
    monkeypatch.setattr(BranchedConv, 'can_merge', lambda self: False)
    assert (found - expected).norm() < 1.2 * (run(dtype) - expected).norm()


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
