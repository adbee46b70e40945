"""Run a command that ends, with all that it started, when the one that asked for it does.

``python guard.py COMMAND ...`` with a pipe as standard input: once the other end of the pipe is
closed, by whatever ended its process, so is the command.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

PATIENCE = 5  # seconds between asking to end and ending


def _end_with_the_pipe(command):
    sys.stdin.read()
    os.killpg(0, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        command.wait(PATIENCE)
    os.killpg(0, signal.SIGKILL)


def main():
    os.setsid()  # a group of its own, which can be ended as a whole
    signal.signal(signal.SIGTERM, lambda *_: None)  # not ignored, which the command would inherit
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_the_pipe, args=(command,), daemon=True).start()
    sys.exit(command.wait())


if __name__ == '__main__':
    main()
