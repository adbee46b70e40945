"""The three tools that look inside, on a detector and files as they come."""

import json
import re
import runpy
import shlex
import sys

import cv2
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from tiny_configs import DETECTION, filled

DOCS = (ROOT / 'docs' / 'look_inside.md').read_text()
COMMANDS = re.findall(r'^python (tools/analysis_tools/.*)$', DOCS, re.MULTILINE)
(FULL,) = re.findall(r'^python tools/train.py CONFIG .* --cfg-options (.*)$', DOCS, re.MULTILINE)


@pytest.fixture(scope='module')
def detector(tmp_path_factory, scenes, folders):
    """A folder of configs and checkpoints: with DFC attention, and with full attention as docs/
    tell to train it."""
    folder = tmp_path_factory.mktemp('detector')
    (folder / 'CONFIG.py').write_text(filled(DETECTION, scenes, folders))
    config = Config.fromfile(folder / 'CONFIG.py')
    init_default_scope('mmdet')
    full = Config.fromfile(folder / 'CONFIG.py')
    full.merge_from_dict(dict(option.split('=') for option in shlex.split(FULL)))
    full.dump(folder / 'FULL_CONFIG.py')
    for name, each in (('CHECKPOINT', config), ('FULL_CHECKPOINT', full)):
        weights = MODELS.build(each.model).state_dict()
        torch.save(dict(meta={}, state_dict=weights), folder / f'{name}.pth')
    return folder


@pytest.mark.parametrize('command', COMMANDS)
def test_commands_of_the_docs(command, detector, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    files = {file.stem: str(file) for file in detector.iterdir()}
    tool, *words = (files.get(word, word) for word in shlex.split(command))
    if 'similarity' in tool and '--image' not in words:
        words += ['--image', '0', '1']  # there are not eight
    monkeypatch.setattr(sys, 'argv', [tool, *words])
    runpy.run_path(str(ROOT / tool), run_name='__main__')
    assert cv2.imread(words[words.index('-o') + 1]).shape[1] == 1200
    printed = capsys.readouterr().out
    assert ('typical' in printed) == ('similarity' in tool)
    assert ('stages.1.1.ghost1' in printed) == ('attention' in tool)
    if '--json' in words:
        found = json.loads((tmp_path / words[words.index('--json') + 1]).read_text())
        assert found['layer'] == 'backbone.stem' and found['images'] == len(found['shown']) == 4
        assert set(found['pairs'][0]['mse']) == {'1', '3', '5', '7'}
