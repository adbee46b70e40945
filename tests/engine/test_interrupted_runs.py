"""Trainings that are killed and resumed end with the weights of those that were not."""

import random
import signal
import time

import pytest
import torch
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from training_runs import run

# All are shuffled; flips, crops or dropout, and averaged weights, are in each
COMMON = """
runner_type = 'mmghost.ResumableRunner'
custom_hooks = [dict(type='EMAHook')]
randomness = dict(seed=3)
"""
EPOCHS = {'train_cfg.max_epochs': 2, 'default_hooks.checkpoint.by_epoch': False}
TASKS = dict(
    detection=(DETECTION, EPOCHS | {'train_dataloader.batch_size': 2}),
    segmentation=(
        SEGMENTATION,
        {'train_cfg.max_iters': 8, 'train_cfg.val_interval': 4, 'train_dataloader.batch_size': 2},
    ),
    classification=(CLASSIFICATION, EPOCHS | {'train_dataloader.batch_size': 10}),
)
SIGKILLED = -signal.SIGKILL


@pytest.fixture(
    params=[
        'segmentation',
        *(pytest.param(task, marks=pytest.mark.slow) for task in ('detection', 'classification')),
    ]
)
def task(request, tmp_path, scenes, folders):
    """Two folders with the config of eight iterations, four an epoch, and a checkpoint at 3, 6."""
    text, options = TASKS[request.param]
    text = filled(text, scenes, folders) + COMMON
    for name in ('whole', 'killed'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'config.py').write_text(text)
    return tmp_path, options | {'default_hooks.checkpoint.interval': 3}


def assert_same(found, expected, path):
    assert type(found) is type(expected), path
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), path
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), path
        for key in expected:
            assert_same(found[key], expected[key], f'{path}.{key}')
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected), path
        for index, pair in enumerate(zip(found, expected)):
            assert_same(*pair, f'{path}.{index}')
    else:
        assert found == expected, path


def assert_ends_the_same(folder):
    found, expected = (
        torch.load(folder / name / 'work' / 'iter_8.pth', weights_only=True)
        for name in ('killed', 'whole')
    )
    for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
        assert_same(found[part], expected[part], part)
    assert not list((folder / 'killed').rglob('*.partial'))


def test_killed_while_a_checkpoint_is_written(task):
    folder, options = task
    assert run(folder / 'whole', options) == 0
    killed = folder / 'killed'
    assert run(killed, options, kill_in_write=2) == SIGKILLED
    assert [path.name for path in killed.glob('work/*.pth')] == ['iter_3.pth']
    assert run(killed, options, resume=True) == 0
    assert 'iter: 3' in (killed / 'output.txt').read_text()
    assert_ends_the_same(folder)


@pytest.mark.slow
def test_killed_at_random_moments(task):
    folder, options = task
    options['default_hooks.checkpoint.interval'] = 1
    begun = time.monotonic()
    assert run(folder / 'whole', options) == 0
    duration = time.monotonic() - begun
    moments = random.Random(0)
    for _ in range(4):
        run(folder / 'killed', options, seconds=moments.uniform(0.2, 0.9) * duration, resume=True)
    assert run(folder / 'killed', options, resume=True) == 0
    assert_ends_the_same(folder)


@pytest.mark.slow
def test_killed_at_every_iteration(task):
    """One after the other, each going on from the last checkpoint, of three iterations."""
    folder, options = task
    assert run(folder / 'whole', options) == 0
    killed = folder / 'killed'
    for iteration in range(8):
        for method in ('before_train_iter', 'after_train_iter'):
            kill_at = (iteration, method)
            assert run(killed, options, kill_at=kill_at, resume=iteration > 0) == SIGKILLED
    assert run(killed, options, resume=True) == 0
    assert_ends_the_same(folder)
