"""What the command-line tools share."""

import argparse
import sys
from contextlib import contextmanager

from .checks import nearest


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, whose errors say ``--taks, did you mean '--task'?``."""

    def error(self, message):
        """End the program as argparse does, with the option nearest to each that there is not."""
        known = [name for name in self._option_string_actions if name.startswith('--')]
        words = (word.partition('=')[0] for word in sys.argv[1:] if word.startswith('--'))
        hints = [
            f'{word}{nearest(word, known)}'
            for word in words
            if not any(name.startswith(word) for name in known) and nearest(word, known)
        ]
        super().error('; '.join([message, *hints]))


@contextmanager
def one_line_errors():
    """End the program with ``error: MESSAGE`` and status 1 where mmghost refuses what it is given.

    Other errors keep their traceback.
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError) as error:
        sys.exit(f'error: {error}')
