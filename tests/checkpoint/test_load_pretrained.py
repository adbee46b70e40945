"""Backbones and conversion, on published files made from random timm models."""

import sys

import pytest
import timm
import torch
from helpers import CONFIGS, randomise
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from published_files import KINDS, NAMES, assert_same_logits, build_classifier, write
from tool_runs import run_tool

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.checkpoint import (
    convert_checkpoint,
    load_pretrained,
    load_whole_model,
    read_weights,
    sha256,
)


@pytest.fixture(scope='module')
def theirs():
    return randomise(timm.create_model('ghostnetv2_100'))


def same(backbone, theirs):
    renamed = GhostNetV2(backbone.widen_factor, out_indices=(5,))
    renamed.load_state_dict(theirs.state_dict(), strict=False)
    expected = renamed.state_dict()
    return all(torch.equal(value, expected[key]) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize('kind', KINDS)
def test_backbones_take_the_file_as_it_is(kind, theirs, tmp_path):
    init_cfg = dict(type='Pretrained', checkpoint=str(write(kind, theirs, tmp_path)))
    for options in (dict(out_indices=(2, 3, 4)), dict(out_indices=(1, 2, 3, 4), output_stride=8)):
        backbone = GhostNetV2(init_cfg=init_cfg, **options)
        backbone.init_weights()
        assert same(backbone, theirs)


@pytest.mark.parametrize(
    ('kind', 'name'),
    [('safetensors', 'ghostnetv2_100')] + [('authors with EMA', name) for name in NAMES],
)
def test_converted_classifiers_logits_equal_timms(kind, name, tmp_path):
    theirs = randomise(timm.create_model(name)).eval()
    source = write(kind, theirs, tmp_path)
    meta = convert_checkpoint(source, tmp_path / 'clean.pth')
    architecture = 'GhostNetV2' if 'v2' in name else 'GhostNet'
    assert (meta['widen_factor'], meta['architecture']) == (int(name[-3:]) / 100, architecture)
    assert meta['source_sha256'] == sha256(source)
    ours = build_classifier(NAMES[name])
    load_checkpoint(ours, str(tmp_path / 'clean.pth'), strict=True)
    assert_same_logits(ours, theirs)


@pytest.mark.parametrize('end', ['safetensors', 'bin'])
def test_conversion_back_to_timm_loses_nothing(end, theirs, tmp_path):
    convert_checkpoint(write('authors', theirs, tmp_path), tmp_path / 'clean.pth')
    convert_checkpoint(tmp_path / 'clean.pth', tmp_path / f'back.{end}', layout='timm')
    back = timm.create_model('ghostnetv2_100', checkpoint_path=str(tmp_path / f'back.{end}'))
    found = back.state_dict()
    for key, value in theirs.state_dict().items():
        assert torch.equal(found[key], value), key


def test_detectors_and_segmentors_and_classifiers_hold_the_same_tensors(theirs, tmp_path):
    source = write('authors', theirs, tmp_path)
    for path in (
        CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py',
        *(CONFIGS / 'segmentation').glob('ghostnetv2*ade20k*.py'),
        CONFIGS / 'classification' / 'ghostnetv2-1.0x_8xb128_in1k.py',
    ):
        config = Config.fromfile(path)
        init_default_scope(config.default_scope)
        config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(source))
        model = MODELS.build(config.model)
        model.init_weights()
        assert same(model.backbone, theirs)


@pytest.mark.parametrize('prefix', [None, 'backbone.', 'backbone'])
def test_classifier_trained_with_mmghost(prefix, theirs, tmp_path):
    source = GhostNetV2(out_indices=(5,))
    source.load_state_dict(theirs.state_dict(), strict=False)
    weights = {f'backbone.{key}': value for key, value in source.state_dict().items()}
    weights['head.layers.0.fc.weight'] = torch.zeros(3, 960)
    torch.save(dict(meta=dict(epoch=1), state_dict=weights), tmp_path / 'epoch_1.pth')
    backbone = GhostNetV2()
    load_pretrained(backbone, tmp_path / 'epoch_1.pth', prefix)
    assert same(backbone, theirs)
    torch.save(source.state_dict(), tmp_path / 'backbone.pth')
    backbone = GhostNetV2()
    load_pretrained(backbone, tmp_path / 'backbone.pth')
    assert same(backbone, theirs)


@pytest.mark.parametrize('prefix', ['model', 'module.model.', 'model.backbone', 'backbone.'])
def test_a_prefix_that_is_stripped_unasked(prefix, theirs, tmp_path):
    inner = '' if 'backbone' not in prefix else 'backbone.'
    weights = {f'module.model.{inner}{key}': v for key, v in theirs.state_dict().items()}
    torch.save(weights, tmp_path / 'wrapped.pth')
    backbone = GhostNetV2()
    load_pretrained(backbone, tmp_path / 'wrapped.pth', prefix)
    assert same(backbone, theirs)


@pytest.mark.parametrize('place', ['backbone.', 'backbone.stages.'])
def test_parts_of_a_model_that_were_compiled(place, tmp_path):
    init_default_scope('mmpretrain')
    cfg = dict(
        type='ImageClassifier',
        backbone=dict(type='mmghost.GhostNet', widen_factor=0.5, out_indices=(5,)),
        head=dict(type='LinearClsHead', in_channels=480, num_classes=2),
    )
    source, model = randomise(MODELS.build(cfg)), MODELS.build(cfg)
    weights = {
        key.replace(place, f'{place}_orig_mod.'): value
        for key, value in source.state_dict().items()
    }
    torch.save(dict(state_dict=weights), tmp_path / 'epoch_1.pth')
    backbone = GhostNet(0.5, out_indices=(5,))
    load_pretrained(backbone, tmp_path / 'epoch_1.pth')
    torch.testing.assert_close(backbone.state_dict(), source.backbone.state_dict())
    load_whole_model(model, tmp_path / 'epoch_1.pth')
    torch.testing.assert_close(model.state_dict(), source.state_dict())


def test_ema_weights_are_preferred_and_can_be_refused(theirs, tmp_path):
    source = write('authors with EMA', theirs, tmp_path)
    assert read_weights(source).ema is True
    assert read_weights(source, ema=True).backbone['stem.conv.weight'].any()
    raw = read_weights(source, ema=False)
    assert raw.ema is False and not raw.backbone['stem.conv.weight'].any()
    backbone = GhostNetV2(init_cfg=dict(type='Pretrained', checkpoint=str(source), ema=False))
    backbone.init_weights()
    assert not any(value.any() for value in backbone.state_dict().values())
    with pytest.raises(ValueError, match='has no EMA weights'):
        read_weights(write('plain', theirs, tmp_path), ema=True)


def test_mmengines_ema_checkpoints_keep_the_average_in_state_dict(theirs, tmp_path):
    source = GhostNetV2(out_indices=(5,))
    source.load_state_dict(theirs.state_dict(), strict=False)
    average = {f'backbone.{key}': value for key, value in source.state_dict().items()}
    raw = {f'module.{key}': torch.zeros_like(value) for key, value in average.items()}
    content = dict(state_dict=average, ema_state_dict=dict(raw, steps=torch.tensor(3)))
    torch.save(content, tmp_path / 'epoch_1.pth')
    assert read_weights(tmp_path / 'epoch_1.pth').backbone['stem.conv.weight'].any()
    raw = read_weights(tmp_path / 'epoch_1.pth', ema=False)
    assert not raw.backbone['stem.conv.weight'].any()


@pytest.mark.parametrize('channels', [1, 2, 4, 7])
def test_other_input_channels_are_made_as_timm_makes_them(channels, theirs, tmp_path, monkeypatch):
    said = []
    module = sys.modules['mmghost.checkpoint.load_pretrained']
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: said.append(text))
    file = write('plain', theirs, tmp_path)
    backbone = GhostNetV2(in_channels=channels)
    load_pretrained(backbone, file)
    assert said[0].endswith(f'of the 3 input channels {channels} were made.')
    expected = timm.create_model(
        'ghostnetv2_100',
        pretrained=True,
        pretrained_cfg_overlay=dict(file=str(file)),
        in_chans=channels,
    )
    renamed = GhostNetV2(in_channels=channels)
    renamed.load_state_dict(expected.state_dict(), strict=False)
    for found, wanted in zip(backbone.state_dict().values(), renamed.state_dict().values()):
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=0)


def test_one_line_says_what_was_loaded(theirs, tmp_path, monkeypatch):
    said = []
    module = sys.modules['mmghost.checkpoint.load_pretrained']
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: said.append(text))
    load_pretrained(GhostNetV2(), write('authors with EMA', theirs, tmp_path))
    (line,) = said
    assert "timm's or the authors' layout, EMA weights" in line
    assert line.endswith('left out: stages.5, head.')


def unchanged_after(backbone, source, match):
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    with pytest.raises((ValueError, OSError), match=match) as caught:
        load_pretrained(backbone, source)
    assert '\n' not in str(caught.value)
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())


@pytest.mark.parametrize('width', [0.5, 1.3, 1.6])
def test_another_width_is_refused(width, theirs, tmp_path):
    source = write('authors', theirs, tmp_path)
    unchanged_after(GhostNetV2(width), source, f'another width.*widen_factor={width}')


def test_another_architecture_is_refused(theirs, tmp_path):
    source = write('plain', timm.create_model('ghostnet_100'), tmp_path)
    unchanged_after(GhostNetV2(), source, 'another architecture: it is without DFC attention')
    source = write('plain', timm.create_model('mobilenetv2_100'), tmp_path)
    unchanged_after(GhostNetV2(), source, 'another architecture|lacks|holds no GhostNet')
    unchanged_after(
        GhostNet(), write('plain', theirs, tmp_path), 'with DFC attention, this GhostNet'
    )
    torch.save({'layer1.weight': torch.zeros(3)}, tmp_path / 'other.pth')
    unchanged_after(GhostNetV2(), tmp_path / 'other.pth', 'holds no GhostNet.*layer1.weight')


def test_incomplete_weights_are_refused(theirs, tmp_path):
    weights = theirs.state_dict()
    del weights['blocks.4.0.ghost1.short_conv.0.weight']
    torch.save(weights, tmp_path / 'part.pth')
    unchanged_after(GhostNetV2(), tmp_path / 'part.pth', 'lacks 1 weights.*stages.2.1')
    GhostNetV2(out_indices=(1,)).init_weights()
    load_pretrained(GhostNetV2(out_indices=(1,)), tmp_path / 'part.pth')


class Malicious:
    def __reduce__(self):
        return (print, ('executed',))


@pytest.mark.parametrize(
    ('name', 'match'),
    [
        ('absent.pth', 'does not exist'),
        ('folder', 'is a folder'),
        ('text.pth', 'text.pth'),
        ('empty.pth', 'empty.pth'),
        ('short.pth', 'short.pth is not a whole checkpoint'),
        ('short.safetensors', 'not a whole safetensors file'),
        ('list.pth', 'holds a list, not a dict'),
        ('malicious.pth', 'cannot|safely'),
    ],
)
def test_bad_files_are_named(name, match, theirs, tmp_path, capsys):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'text.pth').write_text('not a checkpoint')
    (tmp_path / 'empty.pth').write_bytes(b'')
    whole = write('plain', theirs, tmp_path).read_bytes()
    (tmp_path / 'short.pth').write_bytes(whole[: len(whole) // 2])
    whole = write('safetensors', theirs, tmp_path).read_bytes()
    (tmp_path / 'short.safetensors').write_bytes(whole[: len(whole) // 2])
    torch.save([1], tmp_path / 'list.pth')
    torch.save(dict(state_dict={}, args=Malicious()), tmp_path / 'malicious.pth')
    unchanged_after(GhostNetV2(), tmp_path / name, match)
    assert 'executed' not in capsys.readouterr().out


def test_the_tool_converts(theirs, tmp_path):
    source = write('authors with EMA', theirs, tmp_path)
    done = run_tool(
        'model_converters/convert_ghostnet.py', source, tmp_path / 'clean.pth', cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert 'widen_factor: 1.0' in done.stdout and 'ema: True' in done.stdout
    content = torch.load(tmp_path / 'clean.pth', weights_only=True)
    assert content['meta']['source_sha256'] == sha256(source)
