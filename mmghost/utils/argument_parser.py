"""A parser of command lines that names the option which was probably meant."""

import argparse
import sys
from contextlib import contextmanager
from unittest import mock

from .checks import nearest

_error = argparse.ArgumentParser.error


def _error_with_suggestion(parser, message):
    """End the program as argparse does, with the option nearest to each that there is not."""
    known = [name for name in parser._option_string_actions if name.startswith('--')]
    words = (word.partition('=')[0] for word in sys.argv[1:] if word.startswith('--'))
    hints = [
        f'{word}{nearest(word, known)}'
        for word in words
        if not any(name.startswith(word) for name in known) and nearest(word, known)
    ]
    _error(parser, '; '.join([message, *hints]))


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, whose errors say ``--taks, did you mean '--task'?``."""

    error = _error_with_suggestion


@contextmanager
def options_suggested():
    """Let the parsers of others suggest options too."""
    with mock.patch.object(argparse.ArgumentParser, 'error', _error_with_suggestion):
        yield
