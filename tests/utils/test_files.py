import errno
import os

import pytest

from mmghost.utils import files
from mmghost.utils.files import write_atomically


def failing(error, step=0):
    """Stand for a function of the os module that fails from some call on."""
    calls = []

    def fail(*args, **kwargs):
        calls.append(args)
        if len(calls) > step:
            raise OSError(error, os.strerror(error))

    return fail


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(files, 'print_log', lambda text, **kwargs: lines.append(text))
    files._warn.cache_clear()
    return lines


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_failing_write_changes_nothing(step, tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'before')
    monkeypatch.setattr(os, step, failing(errno.ENOSPC))
    with pytest.raises(OSError, match='No space left'):
        write_atomically(b'after', path)
    assert path.read_bytes() == b'before' and os.listdir(tmp_path) == ['epoch_1.pth']


@pytest.mark.parametrize(
    ('function', 'error', 'step'),
    [
        ('chmod', errno.EPERM, 0),
        ('fsync', errno.EINVAL, 0),
        ('fsync', errno.EINVAL, 1),  # of the folder alone
        ('open', errno.EACCES, 0),
    ],
)
def test_folders_that_do_not_synchronise(function, error, step, tmp_path, monkeypatch, said):
    monkeypatch.setattr(os, function, failing(error, step))
    for name in ('one.pth', 'two.pth'):
        write_atomically(b'content', tmp_path / name)
    monkeypatch.undo()
    assert sorted(os.listdir(tmp_path)) == ['one.pth', 'two.pth']
    assert (tmp_path / 'two.pth').read_bytes() == b'content'
    assert len(said) == (function != 'chmod')


def test_writes_leave_one_file_of_the_usual_mode(tmp_path):
    path = tmp_path / 'new' / 'epoch_1.pth'
    write_atomically(b'content', path)
    (tmp_path / 'plain').touch()
    assert path.read_bytes() == b'content' and os.listdir(path.parent) == ['epoch_1.pth']
    assert path.stat().st_mode == (tmp_path / 'plain').stat().st_mode
