"""tools/train.py and tools/test.py on a config of each mm package, as a user runs them."""

import re

import pytest
import torch
from helpers import CONFIGS
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
