"""Files that mmengine writes, whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


def write_atomically(content, path):
    """Write a file so that its name never stands for a part of it, whatever ends the process.

    The bytes go into another file of the same folder, to the disk, and take the name then; a file
    of that name stays as it was until that moment.

    Args:
        content (bytes): What to write.
        path (str | Path): The file; its folder is made if it is missing.

    Raises:
        OSError: If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f'.{path.name}.', suffix='.partial', dir=path.parent)
    try:
        with open(handle, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(partial, 0o666 & ~umask)  # mkstemp's are private
        os.replace(partial, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(partial)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_partial_files(folder):
    """Remove what writes that were killed have left in a folder.

    Args:
        folder (str | Path): The folder, in which nobody writes now.
    """
    for partial in Path(folder).glob('.*.partial'):
        if partial.is_file():
            partial.unlink(missing_ok=True)


class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, checkpoints among them, written by :func:`write_atomically`."""

    def put(self, obj, filepath):
        """Write bytes to a file."""
        write_atomically(obj, filepath)


def write_checkpoints_atomically():
    """Let mmengine write its local files, all checkpoints among them, whole or not at all."""
    register_backend('local', AtomicLocalBackend, force=True, prefixes='')
