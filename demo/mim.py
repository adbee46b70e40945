"""Training and testing as a user does: by ``mim train`` and ``mim test``."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

from mmengine.config.utils import MODULE2PACKAGE

import mmghost  # noqa: F401  (names OneDL's packages, where these are installed)


def mim_words(command, config, file, *options):
    """list[str]: The words of ``mim train`` or ``mim test`` with the file of a config."""
    return ['mim', command, MODULE2PACKAGE[config.default_scope], str(file), *map(str, options)]


def run_mim(words):
    """Run a ``mim`` command in a process of its own, its output passed on.

    Raises:
        ChildProcessError: If it fails.
    """
    print(f'\n$ {shlex.join(words)}', flush=True)
    done = subprocess.run([sys.executable, '-W', 'ignore', '-m', *words])
    if done.returncode:
        raise ChildProcessError(f'{" ".join(words[:2])} ended with exit status {done.returncode}')


def newest(folder, pattern):
    """Path | None: The file of a pattern in a folder that was written last."""
    return max(Path(folder).glob(pattern), key=lambda path: path.stat().st_mtime_ns, default=None)


def test_metrics(work_dir):
    """dict: The metrics that the newest ``mim test`` into a folder reported."""
    return json.loads(newest(work_dir, '*/*.json').read_text())


def read_scalars(file):
    """Yield the records of a ``scalars.json``; a kill may have cut the last one short."""
    for line in file.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return
