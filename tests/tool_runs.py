"""The tools, run in the tests' own process: a new one takes seconds to import what they need."""

import os
import runpy
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import NamedTuple
from unittest import mock

from helpers import ROOT
from mmengine.utils import ManagerMixin


class Done(NamedTuple):
    """What a process of its own would have left: the exit status and what was printed."""

    returncode: int
    stdout: str
    stderr: str


def _forget(kind):
    """Forget the loggers, visualizers and so on that another run has left under their names."""
    for cls in kind.__subclasses__():
        cls._instance_dict.clear()
        _forget(cls)


def run_tool(name, *words, cwd):
    """Run a tool as ``python tools/NAME WORDS``, or ``python -m NAME WORDS``, does in a folder.

    Args:
        name (str): Its path in tools/, or a module such as research.tables.
        *words: Of the command line.
        cwd (Path): Where it is run.

    Returns:
        Done: What it left.
    """
    _forget(ManagerMixin)
    stdout, stderr = StringIO(), StringIO()
    before, code = os.getcwd(), 0
    os.chdir(cwd)
    try:
        with (
            mock.patch.object(sys, 'argv', [name, *map(str, words)]),
            redirect_stdout(stdout),
            redirect_stderr(stderr),
        ):
            if name.endswith('.py'):
                runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
            else:
                runpy.run_module(name, run_name='__main__')
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            stderr.write(f'{code}\n')
            code = 1
    except Exception:
        stderr.write(traceback.format_exc())
        code = 1
    finally:
        os.chdir(before)
    return Done(code, stdout.getvalue(), stderr.getvalue())
