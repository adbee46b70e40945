from pathlib import Path

import pytest
import torch
from helpers import CONFIGS, ROOT
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import MODELS, init_default_scope
from mmengine.utils import get_installed_path

from mmghost.analysis import count_complexity

DETECTION = sorted((CONFIGS / 'detection').glob('*.py'))
COCO = [path for path in DETECTION if path.stem.endswith('_coco')]


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def build(path):
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    return config, MODELS.build(config.model)


@pytest.mark.parametrize('path', DETECTION, ids=lambda path: path.stem)
def test_detectors_train_and_predict(path):
    from mmdet.testing import demo_mm_inputs

    config, model = build(path)
    assert sorted(model.neck.in_channels, reverse=True) == model.neck.in_channels
    inputs = demo_mm_inputs(2, [[3, 96, 128], [3, 64, 65]], num_classes=5)
    data = model.data_preprocessor(inputs, training=True)
    losses = model(**data, mode='loss')
    total = sum(sum(value) for name, value in losses.items() if 'loss' in name)
    total.backward()
    assert total.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.backbone.parameters())
    with torch.no_grad():
        results = model.eval()(**model.data_preprocessor(inputs, False), mode='predict')
    assert len(results) == 2
    assert all(result.pred_instances.bboxes.shape[-1] == 4 for result in results)


def without_scope(node):
    """Drop the marks that mmengine leaves in what is inherited from another package."""
    if isinstance(node, dict):
        return {key: without_scope(value) for key, value in node.items() if key != '_scope_'}
    return [without_scope(item) for item in node] if isinstance(node, (list, tuple)) else node


@pytest.mark.parametrize('path', COCO, ids=lambda path: path.stem)
def test_coco_configs_change_only_the_backbone(path):
    found = without_scope(Config.fromfile(path).to_dict())
    name = path.name.replace('ghostnetv2-1.0x', 'mobilenetv2')
    folder = Path(get_installed_path('mmdet'), '.mim', 'configs', 'yolo')
    base = without_scope(Config.fromfile(folder / name).to_dict())
    assert found['model'].pop('backbone') == dict(type='mmghost.GhostNetV2', out_indices=[2, 3, 4])
    base['model'].pop('backbone')
    assert found['model']['neck'].pop('in_channels') == [160, 112, 40]
    base['model']['neck'].pop('in_channels')
    assert found == base


def test_every_config_is_in_a_metafile():
    listed = set()
    for metafile in load(ROOT / 'model-index.yml')['Import']:
        for model in load(ROOT / metafile)['Models']:
            listed.add(model['Config'])
            assert (ROOT / model['Config']).is_file()
    assert listed == {str(path.relative_to(ROOT)) for path in CONFIGS.glob('*/*.py')}


def test_metafiles_state_what_is_counted():
    for metafile in load(ROOT / 'model-index.yml')['Import']:
        for entry in load(ROOT / metafile)['Models']:
            _, model = build(ROOT / entry['Config'])
            stated = entry['Metadata']
            found = count_complexity(model, (stated['Input Size'],) * 2)
            assert found == (stated['Parameters'], stated['FLOPs']), entry['Name']
