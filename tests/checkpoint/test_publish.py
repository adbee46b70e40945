"""Checkpoints to give out: how they are made, and those that come with mmghost."""

import re

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from tiny_configs import CLASSIFICATION, filled

from demo.__main__ import DEMO_CONFIGS
from mmghost.checkpoint import (
    check_sha256,
    find_published,
    publish_checkpoint,
    sha256,
)
from mmghost.checkpoint.read_weights import named_sha256

BLOOD_CELLS = ROOT / 'configs/detection/rtmdet-nano_ghostnetv2-1.0x_1xb16-320-80e_bccd.py'
SHIPPED = sorted((ROOT / 'checkpoints').iterdir())


def build(path):
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    return MODELS.build(config.model)


@pytest.fixture
def trained(tmp_path, scenes, folders):
    """A config and what a training of it leaves."""
    config = tmp_path / 'tiny.py'
    config.write_text(filled(CLASSIFICATION, scenes, folders))
    content = dict(
        meta=dict(epoch=1, dataset_meta=dict(classes=('a', 'b'))),
        state_dict=build(config).state_dict(),
        optimizer=dict(state={}, param_groups=[]),
        message_hub={},
    )
    torch.save(content, tmp_path / 'epoch_1.pth')
    return config, tmp_path / 'epoch_1.pth'


@pytest.mark.parametrize('half', [False, True])
def test_weights_alone_are_published(half, trained, tmp_path):
    config, checkpoint = trained
    path = publish_checkpoint(config, checkpoint, tmp_path / 'out', half)
    assert re.fullmatch('tiny-[0-9a-f]{8}.pth', path.name)
    assert sha256(path).startswith(path.stem[-8:])
    check_sha256(path)
    assert find_published(config, tmp_path / 'out') == path
    content = torch.load(path, weights_only=True)
    assert content.keys() == {'meta', 'state_dict'}
    assert content['meta']['dataset_meta'] == dict(classes=('a', 'b'))
    assert Config.fromstring(content['meta']['cfg'], '.py').model == Config.fromfile(config).model
    before = torch.load(checkpoint, weights_only=True)['state_dict']
    assert before.keys() == content['state_dict'].keys()
    for name, value in content['state_dict'].items():
        halved = half and value.is_floating_point() and value.ndim > 1
        assert value.dtype == (torch.half if halved else before[name].dtype)
        torch.testing.assert_close(value.to(before[name].dtype), before[name], rtol=1e-3, atol=1e-7)


def test_nothing_is_overwritten(trained, tmp_path):
    path = publish_checkpoint(*trained, tmp_path / 'out')
    path.write_text('mine')
    with pytest.raises(FileExistsError, match=path.name):
        publish_checkpoint(*trained, tmp_path / 'out')
    assert path.read_text() == 'mine'


def test_a_changed_file_is_named(trained, tmp_path):
    path = publish_checkpoint(*trained, tmp_path / 'out')
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)  # a bit that torch.load does not miss
    with pytest.raises(ValueError, match=f'{path.name} is damaged or changed'):
        check_sha256(path)
    check_sha256(path.rename(tmp_path / 'mine.pth'))


@pytest.mark.parametrize(
    ('name', 'digits'),
    [
        ('yolov3_ghostnetv2-1.0x_coco-0123abcd.pth', '0123abcd'),
        ('resnet50-0676ba61.pth', '0676ba61'),
        (f'a-{"0a" * 32}.pth.tar', '0a' * 32),
        ('yolov3_ghostnetv2-1.0x_coco.pth', None),
        ('ck_ghostnetv2_10.pth.tar', None),
        ('epoch-12.pth', None),
    ],
)
def test_digits_in_names(name, digits):
    assert named_sha256(name) == digits


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_what_their_names_say(path):
    assert re.fullmatch(r'.+-[0-9a-f]{8}\.pth', path.name)
    assert sha256(path).startswith(path.stem[-8:])
    assert not torch.serialization.get_unsafe_globals_in_checkpoint(path)


@pytest.mark.parametrize('name', [*DEMO_CONFIGS.values(), BLOOD_CELLS])
def test_shipped_models_fit_their_configs(name):
    path = find_published(name, ROOT / 'checkpoints')
    model = build(name)
    meta = load_checkpoint(model, str(path), strict=True)['meta']
    assert len(meta['dataset_meta']['classes']) in (3, 10, 11)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_metafiles_and_documents_name_what_is_shipped():
    listed = {}
    for metafile in load(ROOT / 'model-index.yml')['Import']:
        for entry in load(ROOT / metafile)['Models']:
            weights = entry.get('Weights', 'https://')
            if not weights.startswith('https://'):
                listed[entry['Config']] = ROOT / weights
    assert sorted(listed.values()) == SHIPPED
    configs = [*DEMO_CONFIGS.values(), BLOOD_CELLS]
    assert sorted(listed) == sorted(str(path.relative_to(ROOT)) for path in configs)
    for config, path in listed.items():
        assert find_published(config, ROOT / 'checkpoints') == path
        folder = (ROOT / config).parent
        assert f'(../../checkpoints/{path.name})' in (folder / 'README.md').read_text()
        assert f'(../checkpoints/{path.name})' in (ROOT / 'docs' / 'predict.md').read_text()


def test_documents_and_metafiles_have_the_same_results():
    document = (ROOT / 'docs' / 'predict.md').read_text()
    for metafile in load(ROOT / 'model-index.yml')['Import']:
        for entry in load(ROOT / metafile)['Models']:
            if entry.get('Weights', '').startswith('checkpoints/'):
                (row,) = [line for line in document.splitlines() if f'[{entry["Name"]}]' in line]
                (result,) = entry['Results']
                (value,) = result['Metrics'].values()
                assert f' {value}' in row
                (line,) = [
                    line
                    for line in (ROOT / 'README.md').read_text().splitlines()
                    if f'[{entry["Name"]}]' in line
                ]
                assert f' {value} (measured)' in line
