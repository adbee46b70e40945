"""tools/train.py and tools/test.py on a config of each mm package, as a user runs them."""

import json
import re

import pytest
import torch
from helpers import CONFIGS
from mmengine.config import Config
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from tool_runs import run_tool


@pytest.mark.parametrize(
    ('text', 'longer', 'metric'),
    [
        (
            DETECTION,
            'train_cfg.max_epochs=2',
            'bbox_mAP_copypaste|testing results of the whole dataset is empty',
        ),
        (SEGMENTATION, 'train_cfg.max_iters=4', r'mIoU: +\d'),
        (CLASSIFICATION, 'train_cfg.max_epochs=2', r'accuracy/top1: +\d'),
    ],
    ids=['mmdet', 'mmseg', 'mmpretrain'],
)
def test_train_resume_test(tmp_path, scenes, folders, text, longer, metric):
    (tmp_path / 'config.py').write_text(filled(text, scenes, folders))

    first = run_tool('train.py', 'config.py', '--work-dir', 'work', cwd=tmp_path)
    assert first.returncode == 0, first.stderr[-3000:]
    checkpoint = (tmp_path / 'work' / 'last_checkpoint').read_text()
    iterations = torch.load(checkpoint, weights_only=True)['meta']['iter']
    assert not torch.serialization.get_unsafe_globals_in_checkpoint(checkpoint)

    words = ('--work-dir', 'work', '--resume', '--cfg-options', longer)
    second = run_tool('train.py', 'config.py', *words, cwd=tmp_path)
    assert second.returncode == 0, second.stderr[-3000:]
    assert re.search('[Rr]esume', second.stdout)
    checkpoint = (tmp_path / 'work' / 'last_checkpoint').read_text()
    resumed = torch.load(checkpoint, weights_only=True)
    assert resumed['meta']['iter'] == 2 * iterations
    logged = resumed['message_hub']['log_scalars']['train/loss'].data[0]
    assert len(logged) == 2 * iterations

    tested = run_tool('test.py', 'config.py', checkpoint, '--show-dir', 'shown', cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr[-3000:]
    assert re.search(metric, tested.stdout)
    assert list(tmp_path.rglob('shown/**/*.*g'))


@pytest.mark.parametrize(
    'text',
    [SEGMENTATION, pytest.param(CLASSIFICATION, marks=pytest.mark.slow)],
    ids=['mmseg', 'mmpretrain'],
)
def test_the_learning_rate_is_scaled_to_the_batch(text, tmp_path, scenes, folders):
    (tmp_path / 'config.py').write_text(filled(text, scenes, folders) + 'param_scheduler = []')
    words = ('train.py', 'config.py', '--work-dir', 'work', '--auto-scale-lr')
    refused = run_tool(*words, cwd=tmp_path)
    assert refused.returncode != 0
    assert 'needs auto_scale_lr = dict(base_batch_size=' in refused.stderr

    done = run_tool(*words, '--cfg-options', 'auto_scale_lr.base_batch_size=8', cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    config = Config.fromfile(tmp_path / 'config.py')
    log = next((tmp_path / 'work').rglob('scalars.json')).read_text().splitlines()
    found = {json.loads(line)['lr'] for line in log if 'lr' in line}
    assert found == {config.optim_wrapper.optimizer.lr / 2}  # batches of 4


@pytest.mark.parametrize('tool', ['train', 'test'])
def test_help(tool, tmp_path):
    shown = run_tool(f'{tool}.py', '--help', cwd=tmp_path)
    assert shown.returncode == 0
    assert 'CONFIG [OPTIONS]' in shown.stdout
    config = next((CONFIGS / 'detection').glob('*.py'))
    words = ('--local-rank=0', config, '--help')  # as torch.distributed.launch has them
    options = run_tool(f'{tool}.py', *words, cwd=tmp_path)
    assert options.returncode == 0
    assert '--cfg-options' in options.stdout and '--launcher' in options.stdout


@pytest.mark.parametrize('tool', ['train', 'test'])
@pytest.mark.parametrize(
    ('words', 'content', 'message'),
    [
        ((), None, 'usage: tools/'),
        (('absent.py',), None, 'no config file absent.py'),
        (('--work-dir', 'x'), None, 'no config file (.py, .json, .yaml, .yml) is given'),
        (('config.py',), 'model = dict()', 'set default_scope to one of'),
        (('config.py',), "default_scope = 'mmocr'", "for 'mmocr': set default_scope to one of"),
    ],
)
def test_mistakes_are_named(tool, words, content, message, tmp_path):
    if content:
        (tmp_path / 'config.py').write_text(content)
    failed = run_tool(f'{tool}.py', *words, cwd=tmp_path)
    assert failed.returncode != 0
    assert message in failed.stderr
    assert 'Traceback' not in failed.stderr
