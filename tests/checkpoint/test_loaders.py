"""Whole models, through mmengine's own ways of loading."""

import argparse

import numpy as np
import pytest
import timm
import torch
from helpers import randomise
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, load_checkpoint
from published_files import KINDS, NAMES, assert_same_logits, build_classifier, write

from mmghost.checkpoint import load_from_mmghost


@pytest.mark.parametrize(
    ('kind', 'name'),
    [(kind, 'ghostnetv2_100') for kind in KINDS] + [('authors', name) for name in list(NAMES)[1:]],
)
def test_classifiers_take_the_file_as_it_is(kind, name, tmp_path):
    theirs = randomise(timm.create_model(name)).eval()
    ours = build_classifier(NAMES[name])
    source = write(kind, theirs, tmp_path)
    load_checkpoint(ours, f'mmghost:{source}' if kind == 'bin' else str(source), strict=True)
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
        {1: torch.ones(1)},
        [1, 2],
    ],
)
def test_other_contents_are_left_alone(content, tmp_path):
    path = str(tmp_path / 'other.pth')
    torch.save(content, path)
    loaded = CheckpointLoader.load_checkpoint(f'mmghost:{path}', map_location='cpu')
    assert str(loaded) == str(content)


OURS = [
    'ck_ghostnetv2_10.pth.tar',
    '~/weights/ck_ghostnetv2_16.pth',
    'state_dict_73.98.pth',
    'ghostnetv3-1.0.pth.tar',
    'hub/ghostnetv2_100.in1k.bin',
    'timm_ghostnet_100.pth',
    'anywhere/model.safetensors',
    'https://example.org/GhostNetV2/ck_ghostnetv2_13.pth.tar',
    'http://example.org/ghostnetv3_100.in1k.safetensors?download=true',
    'timm/ghostnetv2_100.in1k',
    'hf-hub:timm/ghostnet_100.in1k',
    'mmghost:pytorch_model.bin',
]
OTHERS = [
    'work_dirs/ghostnet_100/epoch_1.pth',
    'ghostnetv2-1.0x_8xb128_in1k.pth',
    'yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes-8e9f3d36.pth',
    'https://example.org/ghostnet_100/resnet50-0676ba61.pth',
    'https://example.org/model.safetensors',
    's3://bucket/ck_ghostnetv2_10.pth.tar',
    'cluster:s3://bucket/model.safetensors',
    'torchvision://resnet50',
    'open-mmlab://ghostnet_100.pth',
]


@pytest.mark.parametrize('name', OURS + OTHERS)
def test_our_schemes_match_published_files_alone(name):
    found = CheckpointLoader._get_checkpoint_loader(name)
    assert (found is load_from_mmghost) == (name in OURS)


def test_what_others_allow_stays_allowed(tmp_path):
    source = str(write('authors', timm.create_model('ghostnet_050'), tmp_path))
    assert argparse.Namespace not in torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([argparse.Namespace]):
        CheckpointLoader.load_checkpoint(source)
        assert argparse.Namespace in torch.serialization.get_safe_globals()
    with torch.serialization.safe_globals([HistoryBuffer, np.ndarray, np.dtype]):
        pass  # as OneDL's loader does, which takes from the list what it has used
    torch.save(dict(array=np.ones(2), log=HistoryBuffer([1.0], [1])), tmp_path / 'epoch_1.pth')
    torch.load(tmp_path / 'epoch_1.pth', weights_only=True)


class Malicious:
    def __reduce__(self):
        return (print, ('executed',))


@pytest.mark.parametrize('address', ['{}', 'https://example.org/ck_ghostnetv2_10.pth'])
def test_malicious_files_are_refused(address, tmp_path, capsys, monkeypatch):
    def download(source, target, *args):
        torch.save(dict(state_dict={}, args=Malicious()), target)

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    download(None, tmp_path / 'ck_ghostnetv2_10.pth')
    source = address.format(tmp_path / 'ck_ghostnetv2_10.pth')
    with pytest.raises(ValueError, match='10.pth is no checkpoint that can be loaded safely'):
        CheckpointLoader.load_checkpoint(source)
    assert 'executed' not in capsys.readouterr().out


def test_addresses_that_end_alike_are_two_files(tmp_path, monkeypatch):
    def download(source, target, *args):
        torch.save(source, target)

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for source in [f'https://example.org/{n}/ck_ghostnetv2_10.pth' for n in (1, 2, 1)]:
        assert CheckpointLoader.load_checkpoint(source) == source
    assert len(list(tmp_path.rglob('*.pth'))) == 2
