"""What README.md tells people to write works as it stands."""

import re

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmghost.backbones import GhostNetV2
from mmghost.compat import SUPPORTED

README = (ROOT / 'README.md').read_text()
PYTHON = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
SNIPPETS = [text for text in PYTHON if text.startswith('_base_')]

PLAIN_NAME = SNIPPETS[0].replace('mmghost.', '') + "custom_imports = dict(imports=['mmghost'])\n"

PURE_PYTHON = """
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmdet.models.dense_heads import FCOSHead
from mmdet.models.detectors import FCOS
from mmdet.models.necks import FPN
from mmghost.backbones import GhostNetV2
from mmghost.compat import SUPPORTED

default_scope = 'mmdet'
model = dict(
    type=FCOS,
    data_preprocessor=dict(type=DetDataPreprocessor),
    backbone=dict(type=GhostNetV2, out_indices=(2, 3, 4), frozen_stages=0),
    neck=dict(type=FPN, in_channels=[40, 112, 160], out_channels=32, num_outs=3),
    bbox_head=dict(
        type=FCOSHead, num_classes=3, in_channels=32, feat_channels=32, strides=[8, 16, 32]))
"""


@pytest.mark.parametrize('text', [*SNIPPETS, PLAIN_NAME, PURE_PYTHON])
def test_config_builds_and_runs(tmp_path, text):
    (tmp_path / 'config.py').write_text(text)
    config = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model).eval()
    assert isinstance(model.backbone, GhostNetV2)
    with torch.no_grad():
        feats = model.extract_feat(torch.randn(1, 3, 64, 96))
        if hasattr(model, 'decode_head'):
            model.decode_head(feats)
        else:
            (model.head if hasattr(model, 'head') else model.bbox_head)(feats)


def test_code_runs():
    (code,) = set(PYTHON) - set(SNIPPETS)
    names = {}
    exec(code, names)
    for name in ('resnet', 'mobilenet'):
        model = names[name]
        model.train()
        model(torch.randn(2, 3, 64, 64))[-1].sum().backward()
        kinds = {type(module).__name__ for module in model.modules()}
        assert kinds & {'GhostModule', 'DFCAttention'}


def test_table_has_every_ghostnetv2_config():
    """The papers' other rows are in docs/tables.md, the comparison in docs/comparison.md."""
    configs = {
        str(path.relative_to(ROOT))
        for path in (ROOT / 'configs').glob('*/*ghostnetv2-*.py')
        if path.parent.name != 'comparison'
    }
    assert configs <= set(re.findall(r'\]\((configs/[^)]*\.py)\)', README))


def test_every_folder_of_configs_is_linked():
    folders = {str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('README.md')}
    assert folders == set(re.findall(r'\]\((configs/[^)]*/README.md)\)', README))


def test_linked_files_exist():
    for path in re.findall(r'\]\(([^)#:]+)\)', README):
        assert (ROOT / path).exists(), path


def test_supported_versions_are_those_that_are_checked():
    text = ' '.join(README.split())
    for name, (oldest, too_new) in SUPPORTED.items():
        name = name.replace('python', 'Python')
        assert f'{name} from {oldest}, below {too_new}' in text


@pytest.mark.parametrize('stack', ['official', 'onedl'])
def test_tested_versions_are_those_that_are_pinned(stack):
    lines = (ROOT / 'requirements' / stack / 'constraints.txt').read_text().splitlines()
    pins = [line.split('==') for line in lines if re.match('(onedl-)?mm', line)]
    assert len(pins) == 5
    for name, version in pins:
        assert f'{name} {version}' in README
