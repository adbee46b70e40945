"""Importing mmghost, and building from it, adds to other packages and replaces nothing there."""

import subprocess
import sys
from pathlib import Path

from mmghost import backbones

THEIR_OWN = """
from mmengine.registry import MODELS

@MODELS.register_module()
class SqueezeExcite: ...

@MODELS.register_module()
class GhostNetV2: ...

import mmghost.layers

@MODELS.register_module()
class CBAM: ...

for theirs in (SqueezeExcite, GhostNetV2, CBAM):
    assert MODELS.get(theirs.__name__) is theirs
    assert MODELS.get(f'mmghost.{theirs.__name__}').__module__.startswith('mmghost.')
"""
LIGHT = """
import sys
import mmghost
heavy = 'timm', 'fvcore', 'torchvision', 'mmcv.ops', 'mmghost.deploy', 'mmghost.engine'
print(*[name for name in heavy if name in sys.modules])
"""


def run(*words):
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_nothing_is_replaced_and_only_backbones_are_added():
    said = run(Path(__file__).parent / 'watch_import.py')
    lines = sorted(line for line in said if line.startswith(('replaced:', 'added:')))
    assert lines == sorted(f'added: model {name}' for name in backbones.__all__)


def test_classes_of_users_may_have_the_names_of_ours():
    run('-c', THEIR_OWN)


def test_the_import_brings_nothing_heavy():
    assert run('-c', LIGHT) == ['']
