"""Whole models, through mmengine's own ways of loading."""

import argparse

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


def test_malicious_files_are_refused(tmp_path, capsys):
    path = str(tmp_path / 'malicious.pth')
    torch.save(dict(state_dict={}, args=Malicious()), path)
    with pytest.raises(
        ValueError, match='malicious.pth is no checkpoint that can be loaded safely'
    ):
        CheckpointLoader.load_checkpoint(path)
    assert 'executed' not in capsys.readouterr().out
