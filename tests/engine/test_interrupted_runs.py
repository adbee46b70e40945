"""Trainings that are killed and resumed end with the weights of those that were not."""

import random
import signal

import pytest
import torch
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from training_runs import run

# Shuffled, with random transforms, two epochs of four iterations, a checkpoint at every third
COMMON = """
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


@pytest.fixture(params=TASKS)
def task(request, tmp_path, scenes, folders):
    text, options = TASKS[request.param]
    text = filled(text, scenes, folders) + COMMON
    for name in ('whole', 'killed'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'config.py').write_text(text)
    return tmp_path, options | {'default_hooks.checkpoint.interval': 3}


def content(folder, name='iter_8.pth'):
    return torch.load(folder / 'work' / name, weights_only=True)


def assert_same(found, expected, path=''):
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


def assert_same_training(found, expected):
    for part in ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'):
        assert_same(found[part], expected[part], part)


def test_killed_and_resumed(task):
    folder, options = task
    assert run(folder / 'whole', options) == 0
    killed = folder / 'killed'
    # In the first epoch, after its checkpoint; in the writing of the second; in the next epoch
    assert run(killed, options, kill_at=(3, 'before_train_iter')) == SIGKILLED
    assert run(killed, options, kill_in_write=1, resume=True) == SIGKILLED
    assert 'iter: 3' in (killed / 'output.txt').read_text()
    assert not (killed / 'work' / 'iter_6.pth').exists()
    assert run(killed, options, kill_at=(7, 'before_train_iter'), resume=True) == SIGKILLED
    assert run(killed, options, resume=True) == 0
    assert 'iter: 6' in (killed / 'output.txt').read_text()
    assert_same_training(content(killed), content(folder / 'whole'))
    assert not list(killed.rglob('*.partial'))
