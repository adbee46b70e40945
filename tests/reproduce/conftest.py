"""A table of two tiny classifiers, one that cannot be trained and one that another begins with."""

import pytest
from in_process import train_or_test
from tiny_configs import CLASSIFICATION, filled

from mmghost.reproduce import reproduce, tables
from mmghost.reproduce.run import Run

TABLE = """
- table: tiny
  title: Tiny classifiers
  columns: [top1]
  seeds: [0, 1]
  rows:
    - {name: Half, config: tiny/half.py}
    - {name: Broken, config: tiny/broken.py}
    - {name: Narrow, config: tiny/half.py, options: {model.backbone.base_channels: 2,
       model.head.in_channels: 16}}
    - {name: Pretrained, config: tiny/pretrained.py, pretrained: tiny/half.py}
"""

SMALLER = """
default_hooks['checkpoint'].pop('save_best')
model['backbone'] = dict(type='ResNet_CIFAR', depth=18, stem_channels=4, base_channels=4)
model['head'] = dict(
    type='LinearClsHead', num_classes=10, in_channels=32, loss=dict(type='CrossEntropyLoss'),
    topk=(1, 5))
"""


@pytest.fixture
def place(tmp_path, scenes, folders, monkeypatch):
    """A folder with configs, in place of mmghost's repository."""
    configs = tmp_path / 'configs' / 'tiny'
    configs.mkdir(parents=True)
    text = filled(CLASSIFICATION, scenes, folders)
    text += SMALLER
    (configs / 'half.py').write_text(text)
    (configs / 'broken.py').write_text(text + "model['neck']['type'] = 'NoSuchNeck'\n")
    (configs / 'pretrained.py').write_text(
        text + "model['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint='of_the_run')\n"
    )
    (tmp_path / 'tables.yml').write_text(TABLE)
    monkeypatch.setattr(tables, 'COMPARISON', tmp_path / 'tables.yml')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run_tiny(place, monkeypatch):
    """Reproduce rows of the tiny table, mim's commands in this process."""
    monkeypatch.setattr(Run, '_mim', train_or_test)

    def run(*rows, seeds=(0,), **options):
        return reproduce(['tiny'], 'configs', 'results', rows=rows, seeds=seeds, **options)

    return run
