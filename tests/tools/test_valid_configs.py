"""Configs that train in the mm packages, and so under our tools."""

import numpy as np
import pytest
import timm
import torch
from helpers import randomise
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import RUNNERS
from mmengine.runner import runner
from published_files import write
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from tool_runs import run_tool

RESUMABLE = "runner_type = 'mmghost.ResumableRunner'\n"
PRECISE = "custom_hooks = [dict(type='PreciseBNHook', num_samples=8)]\n"
OWN_NAMES = """
val_dataloader1 = dict(batch_size=2)
models = ['a', 'b']
work_dirs = 'somewhere'
"""


BOTH_RUNNERS = pytest.mark.parametrize(
    'runner_type',
    [
        pytest.param('', id='Runner', marks=pytest.mark.slow),
        pytest.param(RESUMABLE, id='ResumableRunner'),
    ],
)


@pytest.fixture
def train(tmp_path, scenes, folders, monkeypatch):
    """Write and train a config; gives the checkpoint."""
    monkeypatch.setattr(runner, 'collect_env', dict)

    def run(text, *words):
        (tmp_path / 'config.py').write_text(filled(text, scenes, folders))
        done = run_tool('train.py', 'config.py', '--work-dir', 'work', *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        return (tmp_path / 'work' / 'last_checkpoint').read_text()

    return run


@BOTH_RUNNERS
def test_a_hook_that_asks_the_loader(runner_type, train, tmp_path):
    train(CLASSIFICATION + PRECISE + runner_type)
    assert '8 samples' in next((tmp_path / 'work').glob('*/*.log')).read_text()


def test_variables_of_its_own(train):
    assert train(CLASSIFICATION + OWN_NAMES)


@BOTH_RUNNERS
def test_two_sets_with_different_palettes(runner_type, train, scenes, folders, tmp_path):
    base = tmp_path / 'base.py'
    base.write_text(filled(DETECTION, scenes, folders))
    config = Config.fromfile(base)
    part = config.train_dataloader.dataset
    parts = [
        dict(part, metainfo=dict(part.metainfo, palette=[(i, 0, n) for i in range(10)]))
        for n in (0, 1)
    ]
    sets = dict(_delete_=True, type='ConcatDataset', datasets=parts)
    more = f"_base_ = './base.py'\ntrain_dataloader = dict(dataset={Config(sets).to_dict()})\n"
    runner_type = runner_type or "runner_type = 'Runner'\n"
    meta = torch.load(train(more + runner_type), weights_only=True)['meta']
    assert meta['iter'] == 4  # 16 images


@BOTH_RUNNERS
def test_arrays_in_the_metainfo(runner_type, train, tmp_path, monkeypatch):
    from mmseg.datasets import BaseSegDataset

    classes = tuple(map(str, range(11)))
    palette = np.zeros((11, 3), np.uint8)
    monkeypatch.setattr(BaseSegDataset, 'METAINFO', dict(classes=classes, palette=palette))
    text = SEGMENTATION.replace(
        'metainfo=dict(\n                classes=[str(i) for i in range(11)], '
        'palette=[[i, i, i] for i in range(11)]),',
        '',
    )
    assert text != SEGMENTATION
    checkpoint = train(text + runner_type)
    saved = torch.load(checkpoint, weights_only=True)
    assert saved['meta']['dataset_meta']['palette'].dtype == np.uint8
    assert train(text + runner_type, '--resume', '--cfg-options', 'train_cfg.max_iters=4')
    tested = run_tool('test.py', 'config.py', checkpoint, cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr[-2000:]


def test_amp_on_a_cpu_by_name(train):
    saved = train(SEGMENTATION + "optim_wrapper['type'] = 'mmghost.CPUAmpOptimWrapper'\n")
    weights = torch.load(saved, weights_only=True)['state_dict'].values()
    assert {value.dtype for value in weights} == {torch.float32, torch.int64}
    assert all(value.isfinite().all() for value in weights)


def test_published_files_are_tested_as_they_are(tmp_path, folders, monkeypatch):
    monkeypatch.setattr(runner, 'collect_env', dict)
    theirs = randomise(timm.create_model('ghostnetv2_100'))
    source = write('authors with EMA', theirs, tmp_path)
    text = filled(CLASSIFICATION, '', folders) + (
        "model['backbone']['widen_factor'] = 1.0\n"
        "model['head'].update(num_classes=1000, in_channels=960, mid_channels=[1280])\n"
    )
    (tmp_path / 'config.py').write_text(text)
    done = run_tool('test.py', 'config.py', source, cwd=tmp_path)
    assert done.returncode == 0 and 'accuracy/top1' in done.stdout, done.stderr[-2000:]
    assert 'do not match exactly' not in done.stdout + done.stderr


def test_panoptic_models_are_built_and_step(tmp_path, monkeypatch):
    """mmdet's own config with our backbone; loading its data takes a package of its own."""
    from mmdet.testing import demo_mm_inputs

    monkeypatch.setattr(runner, 'collect_env', dict)
    config = get_config('mmdet::panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco.py')
    config.model.backbone = dict(
        type='mmghost.GhostNetV2', widen_factor=0.5, out_indices=(1, 2, 3, 4)
    )
    config.model.neck.in_channels = [12, 20, 56, 80]
    built = RUNNERS.build(
        Config(dict(config, work_dir=str(tmp_path), runner_type='mmghost.ResumableRunner'))
    )
    inputs = demo_mm_inputs(2, [(3, 64, 64)] * 2, with_mask=True, with_semantic=True)
    inputs = built.model.data_preprocessor(inputs, training=True)
    losses = built.model(**inputs, mode='loss')
    assert {'loss_seg', 'loss_mask'} <= losses.keys() and losses['loss_seg'].isfinite()
