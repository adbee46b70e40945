"""Files that appear whole or not at all."""

import errno
import logging
import os
from functools import cache
from pathlib import Path
from uuid import uuid4

from mmengine.logging import print_log

# What file systems of networks and of user space answer where they do not synchronise
_UNSUPPORTED = (errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM)


def write_atomically(content, path):
    """Write a file so that its name never stands for a part of it, whatever ends the process.

    The bytes go into another file of the same folder, to the disk, and take the name then; a file
    of that name stays as it was until that moment. A folder that cannot be synchronised is written
    to all the same, and the log says once that a power failure may undo it.

    Args:
        content (bytes): What to write.
        path (str | Path): The file; its folder is made if it is missing.

    Raises:
        OSError: If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'.{path.name}.{uuid4().hex}.partial')
    try:
        with open(partial, 'xb') as file:
            file.write(content)
            file.flush()
            _sync(file.fileno(), path.parent)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync(handle, folder):
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _warn(folder)


def _sync_folder(folder):
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        _warn(folder)
        return
    try:
        _sync(handle, folder)
    finally:
        os.close(handle)


@cache
def _warn(folder):
    print_log(
        f'{folder} cannot be synchronised: a power failure may undo what was written there last.',
        logger='current',
        level=logging.WARNING,
    )


def remove_partial_files(folder):
    """Remove what writes that were killed have left in a folder.

    Args:
        folder (str | Path): The folder, in which nobody writes now.
    """
    for partial in Path(folder).glob('.*.partial'):
        partial.unlink(missing_ok=True)
