"""Checks of where results will go, before the work is done that gives them."""

import os
from pathlib import Path


def check_folder(folder):
    """Raise unless a folder is there or can be made.

    Args:
        folder (str | Path): The folder.

    Raises:
        NotADirectoryError: If it, or what it would be made in, is no folder.
        PermissionError: If nothing can be written there.
    """
    folder = Path(folder)
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(f'{nearest} is not a folder.')
    if not os.access(nearest, os.W_OK):
        raise PermissionError(f'{nearest} cannot be written to.')


def check_file(file):
    """Raise unless a file can be written, in place of another where there is one.

    Args:
        file (str | Path): The file.

    Raises:
        IsADirectoryError: If it is a folder.
        NotADirectoryError, PermissionError: As :func:`check_folder`, of its folder.
    """
    if Path(file).is_dir():
        raise IsADirectoryError(f'{file} is a folder.')
    check_folder(Path(file).parent)
