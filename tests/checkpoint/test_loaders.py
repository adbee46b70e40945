"""Whole models, through mmengine's own ways of loading."""

import argparse
import pickle
from types import SimpleNamespace

import pytest
import timm
import torch
from helpers import randomise
from mmengine.runner import CheckpointLoader, load_checkpoint
from published_files import KINDS, NAMES, assert_same_logits, build_classifier, write


@pytest.mark.parametrize(
    ('kind', 'name'),
    [(kind, 'ghostnetv2_100') for kind in KINDS] + [('authors', name) for name in list(NAMES)[1:]],
)
def test_classifiers_take_the_file_as_it_is(kind, name, tmp_path):
    theirs = randomise(timm.create_model(name)).eval()
    ours = build_classifier(NAMES[name])
    load_checkpoint(ours, str(write(kind, theirs, tmp_path)), strict=True)
    assert_same_logits(ours, theirs)


def test_init_cfg_of_a_classifier(tmp_path):
    theirs = randomise(timm.create_model('ghostnetv2_100')).eval()
    source = str(write('authors with EMA', theirs, tmp_path))
    ours = build_classifier('ghostnetv2-1.0x', init_cfg=dict(type='Pretrained', checkpoint=source))
    ours.init_weights()
    assert_same_logits(ours, theirs)


@pytest.mark.parametrize(
    'content',
    [
        dict(state_dict={'backbone.conv_stem.weight': torch.ones(1)}, meta=dict(epoch=1)),
        dict(timm.create_model('mobilenetv3_small_050').state_dict()),
        [1, 2],
    ],
)
def test_other_files_are_left_alone(content, tmp_path):
    path = str(tmp_path / 'other.pth')
    torch.save(content, path)
    loaded = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    assert str(loaded) == str(content)


def test_what_others_allow_stays_allowed(tmp_path):
    source = str(write('authors', timm.create_model('ghostnet_050'), tmp_path))
    assert argparse.Namespace not in torch.serialization.get_safe_globals()
    CheckpointLoader.load_checkpoint(source)
    assert argparse.Namespace not in torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([argparse.Namespace]):
        CheckpointLoader.load_checkpoint(source)
        assert argparse.Namespace in torch.serialization.get_safe_globals()


class Malicious:
    def __reduce__(self):
        return (print, ('executed',))


@pytest.fixture
def malicious(tmp_path):
    path = tmp_path / 'checkpoints' / 'malicious.pth'
    path.parent.mkdir()
    torch.save(dict(state_dict={}, args=Malicious()), path)
    return path


def refuse(load, capsys, name='malicious.pth'):
    with pytest.raises(ValueError, match=f'{name}.* is no checkpoint that can be loaded safely'):
        load()
    assert 'executed' not in capsys.readouterr().out


def test_malicious_files_are_refused(malicious, capsys):
    refuse(lambda: CheckpointLoader.load_checkpoint(str(malicious)), capsys)


def test_malicious_downloads_are_refused(malicious, capsys, monkeypatch):
    """What is there already is not downloaded."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(malicious.parent.parent))
    address = 'https://example.org/malicious.pth'
    refuse(lambda: CheckpointLoader.load_checkpoint(address), capsys)
    models = 'mmengine.runner.checkpoint.get_torchvision_models'
    monkeypatch.setattr(models, lambda: dict(resnet50=address))
    refuse(lambda: CheckpointLoader.load_checkpoint('torchvision://resnet50'), capsys)


def test_malicious_files_of_a_storage_are_refused(malicious, capsys, monkeypatch):
    """OneDL's mmengine would load them without safety, the official one as torch does."""
    backend = SimpleNamespace(get=lambda name: malicious.read_bytes())
    monkeypatch.setattr('mmengine.runner.checkpoint.get_file_backend', lambda *a, **k: backend)
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        CheckpointLoader.load_checkpoint('s3://bucket/malicious.pth')
    assert 'executed' not in capsys.readouterr().out
