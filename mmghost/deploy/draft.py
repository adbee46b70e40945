"""Files that appear whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def draft_of(file):
    """Give the path to write to; what is there, and beside it, is moved to its place at the end.

    Args:
        file (Path): Where the file will be; its folder is made if it is missing.

    Yields:
        Path: Its draft, in a folder of its own, which an exception removes with all in it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f'.{file.name}.', dir=file.parent) as folder:
        draft = Path(folder) / file.name
        yield draft
        # The named file last: where it is, what belongs to it is too
        for part in sorted(draft.parent.iterdir(), key=lambda part: part == draft):
            os.replace(part, file.parent / part.name)
