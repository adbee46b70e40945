"""What an interrupted run resumes from."""

import os
import sys

import pytest
import torch

from mmghost.engine import find_whole_checkpoint


def write(path, number):
    content = dict(meta={}, state_dict=dict(a=torch.arange(1000.0)), message_hub={})
    torch.save(content, path)
    os.utime(path, (number, number))


@pytest.fixture
def run_folder(tmp_path):
    """A run that wrote three checkpoints, one a second."""
    for number in (1, 2, 3):
        write(tmp_path / f'epoch_{number}.pth', number)
    torch.save(dict(meta={}, state_dict={}, message_hub={}), tmp_path / 'best_mIoU_epoch_4.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    return tmp_path


@pytest.fixture
def said(monkeypatch):
    lines = []
    module = sys.modules['mmghost.engine.whole_checkpoints']
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: lines.append(text))
    return lines


def found(*folders):
    path = find_whole_checkpoint(*map(str, folders))
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
    assert line.startswith(f'Passed over: {last}: ') and '\n' not in line


def test_missing_and_foreign_checkpoints_are_passed_over(run_folder, said):
    (run_folder / 'epoch_3.pth').unlink()
    torch.save(dict(state_dict={}), run_folder / 'epoch_2.pth')
    os.utime(run_folder / 'epoch_2.pth', (2, 2))
    assert found(run_folder) == 'epoch_1.pth'
    assert 'does not exist' in said[0] and 'it has no meta' in said[1]


def test_where_none_is_whole_each_is_named(run_folder):
    for path in run_folder.glob('epoch_*'):
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='has checkpoints, but none to resume from') as caught:
        found(run_folder)
    assert all(f'{run_folder}/epoch_{number}.pth: it is' in str(caught.value) for number in (1, 3))


@pytest.mark.parametrize('record', [None, ''])
def test_a_folder_without_checkpoints_is_no_error(record, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'work').mkdir()
    (tmp_path / 'epoch_1.pth').touch()  # of somebody else, in the folder the run was started in
    if record is not None:
        (tmp_path / 'work' / 'last_checkpoint').write_text(record)
    assert found(tmp_path / 'work') is None


def test_a_record_of_what_is_gone_is_an_error(tmp_path):
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    with pytest.raises(ValueError, match='epoch_3.pth: it does not exist'):
        found(tmp_path)


def test_a_checkpoint_not_yet_recorded_is_taken(run_folder):
    (run_folder / 'last_checkpoint').write_text(str(run_folder / 'epoch_2.pth'))
    assert found(run_folder) == 'epoch_3.pth'
    (run_folder / 'last_checkpoint').unlink()
    assert found(run_folder) == 'epoch_3.pth'


def test_an_older_runs_checkpoints_are_not_taken(run_folder):
    (run_folder / 'last_checkpoint').write_text(str(run_folder / 'epoch_1.pth'))
    os.utime(run_folder / 'epoch_1.pth', (9, 9))
    assert found(run_folder) == 'epoch_1.pth'


def test_other_folders_and_what_a_killed_write_left(run_folder, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    write(other / 'epoch_9.pth', 9)
    left = run_folder / '.epoch_4.pth.0.partial'
    left.touch()
    assert found(run_folder, other) == 'epoch_9.pth'
    assert not left.exists()
