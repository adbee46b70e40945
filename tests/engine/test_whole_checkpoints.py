"""What an interrupted run resumes from, and how checkpoints get there."""

import errno
import os
import sys
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, runner

from mmghost.engine import find_whole_checkpoint, make_resumable, write_atomically


@pytest.fixture
def run_folder(tmp_path):
    """A run that wrote three checkpoints, one a second."""
    for number in (1, 2, 3):
        content = dict(meta={}, state_dict=dict(a=torch.arange(1000.0)), message_hub={})
        torch.save(content, tmp_path / f'epoch_{number}.pth')
        os.utime(tmp_path / f'epoch_{number}.pth', (number, number))
    torch.save(dict(meta={}, state_dict={}, message_hub={}), tmp_path / 'best_mIoU_epoch_4.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    return tmp_path


@pytest.fixture
def said(monkeypatch):
    lines = []
    module = sys.modules['mmghost.engine.whole_checkpoints']
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: lines.append(text))
    return lines


def found(folder):
    path = find_whole_checkpoint(str(folder))
    return path and os.path.basename(path)


def flip(data):
    return data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]


DAMAGES = {
    'cut short': lambda data: data[: len(data) // 2],
    'almost whole': lambda data: data[:-1],
    'one bit': flip,
    'empty': lambda data: b'',
    'text': lambda data: b'not a checkpoint',
}


@pytest.mark.parametrize('damage', DAMAGES.values(), ids=DAMAGES)
def test_the_one_before_a_damaged_checkpoint_is_taken(damage, run_folder, said):
    assert found(run_folder) == 'epoch_3.pth' and not said
    last = run_folder / 'epoch_3.pth'
    last.write_bytes(damage(last.read_bytes()))
    assert found(run_folder) == 'epoch_2.pth'
    (line,) = said
    assert line.startswith(f'Checkpoint {last} is passed over: ') and '\n' not in line


def test_mmengine_looks_in_this_way():
    assert runner.find_latest_checkpoint is find_whole_checkpoint


def test_missing_and_foreign_checkpoints_are_passed_over(run_folder, said):
    (run_folder / 'epoch_3.pth').unlink()
    torch.save(dict(state_dict={}), run_folder / 'epoch_2.pth')
    assert found(run_folder) == 'epoch_1.pth'
    assert 'does not exist' in said[0] and 'it has no meta' in said[1]


def test_without_any_the_run_begins_anew(run_folder, said):
    for path in run_folder.glob('epoch_*'):
        path.write_bytes(b'')
    assert found(run_folder) is None
    assert said[-1].endswith('the training begins anew.')


def test_a_checkpoint_not_yet_recorded_is_taken(run_folder):
    (run_folder / 'last_checkpoint').write_text(str(run_folder / 'epoch_2.pth'))
    assert found(run_folder) == 'epoch_3.pth'
    (run_folder / 'last_checkpoint').unlink()
    assert found(run_folder) == 'epoch_3.pth'


def test_an_older_runs_checkpoints_are_not_taken(run_folder):
    (run_folder / 'last_checkpoint').write_text(str(run_folder / 'epoch_1.pth'))
    os.utime(run_folder / 'epoch_1.pth', (9, 9))
    assert found(run_folder) == 'epoch_1.pth'


@pytest.mark.parametrize('step', ['fsync', 'replace', 'chmod'])
def test_a_failing_write_changes_nothing(step, tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'before')

    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match='No space left'):
        get_file_backend(str(path)).put(b'after', str(path))
    assert path.read_bytes() == b'before'
    assert os.listdir(tmp_path) == ['epoch_1.pth']


def test_writes_leave_one_file_of_the_usual_mode(tmp_path):
    path = tmp_path / 'new' / 'epoch_1.pth'
    write_atomically(b'content', path)
    (tmp_path / 'plain').touch()
    assert path.read_bytes() == b'content' and os.listdir(path.parent) == ['epoch_1.pth']
    assert path.stat().st_mode == (tmp_path / 'plain').stat().st_mode


def test_the_oldest_checkpoint_goes_after_the_newest_came(tmp_path):
    hook = HOOKS.build(dict(type='mmghost.SafeCheckpointHook', interval=1, max_keep_ckpts=1))
    assert isinstance(hook, CheckpointHook)
    seen = []

    def save(folder, name, *args, **kwargs):
        seen.append(sorted(path.name for path in tmp_path.glob('*.pth')))
        (tmp_path / name).touch()

    info = {}
    hub = SimpleNamespace(runtime_info=info, update_info=info.__setitem__)
    logger = SimpleNamespace(info=print)
    runner = SimpleNamespace(
        work_dir=str(tmp_path), message_hub=hub, logger=logger, save_checkpoint=save, iter=0
    )
    hook.before_train(runner)
    for runner.epoch in range(3):
        hook._save_checkpoint(runner)
    assert seen == [[], ['epoch_1.pth'], ['epoch_2.pth']]
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_3.pth']


def test_unknown_options_are_refused_at_once():
    with pytest.raises(TypeError, match="no option 'intervall', did you mean 'interval'"):
        HOOKS.build(dict(type='mmghost.SafeCheckpointHook', intervall=1))


@pytest.mark.parametrize(
    ('loop', 'expected'),
    [
        (dict(by_epoch=True, max_epochs=1), 'mmghost.ResumableEpochLoop'),
        (dict(by_epoch=False, max_iters=1), 'mmghost.ResumableIterLoop'),
        (dict(type='IterBasedTrainLoop', max_iters=1), 'mmghost.ResumableIterLoop'),
        (dict(type=EpochBasedTrainLoop, max_epochs=1), 'mmghost.ResumableEpochLoop'),
        (dict(type='TheirLoop'), 'TheirLoop'),
    ],
)
def test_configs_are_made_resumable(loop, expected):
    config = make_resumable(Config(dict(train_cfg=loop)))
    assert config.train_cfg.type == expected and 'by_epoch' not in config.train_cfg
    assert config.default_hooks.checkpoint == dict(type='mmghost.SafeCheckpointHook', interval=1)


def test_hooks_of_others_stay():
    for checkpoint in (dict(type='TheirHook'), None):
        config = Config(dict(default_hooks=dict(checkpoint=checkpoint)))
        assert make_resumable(config).default_hooks.checkpoint == checkpoint
