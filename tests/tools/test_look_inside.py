"""The three tools that look inside, on a detector and files as they come."""

import json
import runpy
import sys

import cv2
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from tiny_configs import DETECTION, filled


@pytest.fixture(scope='module')
def detector(tmp_path_factory, scenes, folders):
    folder = tmp_path_factory.mktemp('detector')
    (folder / 'config.py').write_text(filled(DETECTION, scenes, folders))
    config = Config.fromfile(folder / 'config.py')
    init_default_scope('mmdet')
    model = MODELS.build(config.model)
    torch.save(dict(meta={}, state_dict=model.state_dict()), folder / 'model.pth')
    attention = dict(type='mmghost.MobileViTAttention', act_cfg=dict(type='Sigmoid'))
    config.model.backbone.attention_cfg = attention
    config.dump(folder / 'full.py')
    full = MODELS.build(config.model)
    torch.save(dict(meta={}, state_dict=full.state_dict()), folder / 'full.pth')
    return folder


@pytest.mark.parametrize(
    ('tool', 'words', 'printed'),
    [
        ('feature_similarity', ('--image', '0', '1', '--json', 'out.json'), '2 images'),
        ('draw_ghost_maps', ('--layer', 'backbone.stages.1.0.ghost1', 'neck'), None),
        ('draw_ghost_maps', (), ''),
        ('draw_attention', ('--position', '90', '52'), 'stages.1.1.ghost1'),
        ('draw_attention', ('--full', '@full.py', '@full.pth'), 'stages.1.1.ghost1'),
    ],
)
def test_tools(tool, words, printed, detector, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [word.replace('@', f'{detector}/') for word in words]
    files = [str(detector / 'config.py'), str(detector / 'model.pth')]
    monkeypatch.setattr(sys, 'argv', [tool, *files, '-o', 'out/picture.png', *words])
    tool_file = str(ROOT / 'tools' / 'analysis_tools' / f'{tool}.py')
    if printed is None:
        with pytest.raises(SystemExit, match="'neck' gives no maps"):
            runpy.run_path(tool_file, run_name='__main__')
        assert not list(tmp_path.iterdir())
        return
    runpy.run_path(tool_file, run_name='__main__')
    assert printed in capsys.readouterr().out
    assert cv2.imread('out/picture.png').shape[1] == 1200
    if '--json' in words:
        found = json.loads((tmp_path / 'out.json').read_text())
        assert found['layer'] == 'backbone.stages.0.0' and found['images'] == 2
        assert found['shown'] == ['test image 0', 'test image 1']
        assert set(found['pairs'][0]['mse']) == {'1', '3', '5', '7'}
