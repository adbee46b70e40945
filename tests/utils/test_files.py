import errno
import os

import pytest

from mmghost.utils.files import write_atomically


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_a_failing_write_changes_nothing(step, tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'before')

    def fail(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match='No space left'):
        write_atomically(b'after', path)
    assert path.read_bytes() == b'before' and os.listdir(tmp_path) == ['epoch_1.pth']


def test_writes_leave_one_file_of_the_usual_mode(tmp_path):
    path = tmp_path / 'new' / 'epoch_1.pth'
    write_atomically(b'content', path)
    (tmp_path / 'plain').touch()
    assert path.read_bytes() == b'content' and os.listdir(path.parent) == ['epoch_1.pth']
    assert path.stat().st_mode == (tmp_path / 'plain').stat().st_mode
