import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmghost.reproduce import guard

GROW = 'import time\nwhile True: print(1, flush=True); time.sleep(0.02)'
# A process that starts a guarded command, of which a child writes into a file, and waits
PARENT = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which jobs in the background ignore
start = f'import subprocess; subprocess.run({[sys.executable, "-c", sys.argv[2]]!r})'
subprocess.Popen(
    [sys.executable, '-I', sys.argv[1], sys.executable, '-c', start],
    stdin=subprocess.PIPE, stdout=open('grows', 'w'))
time.sleep(100)
"""


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_was_started_ends_with_its_parent(how, tmp_path):
    command = [sys.executable, '-c', PARENT, guard.__file__, GROW]
    parent = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    grows = tmp_path / 'grows'
    wait_until(lambda: grows.exists() and grows.stat().st_size > 2)
    parent.send_signal(how)
    parent.wait()
    wait_until(lambda: not processes_writing(grows))


@pytest.mark.parametrize('code', [0, 3])
def test_exit_status_is_the_commands(code):
    command = [sys.executable, '-I', guard.__file__, sys.executable, '-c', f'exit({code})']
    with subprocess.Popen(command, stdin=subprocess.PIPE) as guarded:
        assert guarded.wait() == code


def wait_until(holds):
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < 60
        time.sleep(0.05)


def processes_writing(path):
    """List the processes that have a file open."""
    found = []
    for link in Path('/proc').glob('[0-9]*/fd/1'):
        try:
            found += [link] if link.resolve() == path.resolve() else []
        except OSError:
            continue
    return found
