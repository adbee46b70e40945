"""What README.md tells people to write works as it stands."""

import re

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmghost.backbones import GhostNetV2

README = (ROOT / 'README.md').read_text()
SNIPPETS = re.findall(r'```python\n(.*?)```', README, re.DOTALL)

PLAIN_NAME = SNIPPETS[0].replace('mmghost.', '') + "custom_imports = dict(imports=['mmghost'])\n"

PURE_PYTHON = """
from mmengine.config import read_base

with read_base():
    from mmdet.configs.retinanet.retinanet_r50_fpn_1x_coco import *

from mmghost.backbones import GhostNetV2

model.update(dict(
    backbone=dict(_delete_=True, type=GhostNetV2, out_indices=(1, 2, 3, 4), frozen_stages=0),
    neck=dict(in_channels=[24, 40, 112, 160])))
"""


@pytest.mark.parametrize('text', [*SNIPPETS, PLAIN_NAME, PURE_PYTHON])
def test_config_builds_and_runs(tmp_path, text):
    (tmp_path / 'config.py').write_text(text)
    config = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(config.default_scope or 'mmdet')
    model = MODELS.build(config.model).eval()
    assert isinstance(model.backbone, GhostNetV2)
    with torch.no_grad():
        feats = model.extract_feat(torch.randn(1, 3, 64, 96))
        if hasattr(model, 'decode_head'):
            model.decode_head(feats)
        else:
            (model.head if hasattr(model, 'head') else model.bbox_head)(feats)


def test_table_of_configs_is_complete():
    configs = {str(path.relative_to(ROOT)) for path in (ROOT / 'configs').glob('*/*.py')}
    assert configs == set(re.findall(r'\]\((configs/[^)]*\.py)\)', README))


def test_linked_files_exist():
    for path in re.findall(r'\]\(([^)#:]+)\)', README):
        assert (ROOT / path).exists(), path
