"""A parser of command lines that names the option which was probably meant."""

import argparse
import sys
from contextlib import contextmanager
from unittest import mock

from mmengine.config import DictAction

from .checks import nearest

_error = argparse.ArgumentParser.error
_take = DictAction.__call__


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


def _take_pairs(action, parser, namespace, values, option_string=None):
    """Take ``--cfg-options``, of which mmengine presumes that each is a KEY=VALUE."""
    for value in values:
        if '=' not in value:
            parser.error(f'{option_string} takes KEY=VALUE, but got {value!r}')
    _take(action, parser, namespace, values, option_string)


class ArgumentParser(argparse.ArgumentParser):
    """argparse's parser, whose errors say ``--taks, did you mean '--task'?``."""

    error = _error_with_suggestion

    def parse_known_args(self, *args, **kwargs):
        with mock.patch.object(DictAction, '__call__', _take_pairs):
            return super().parse_known_args(*args, **kwargs)


@contextmanager
def options_suggested():
    """Let the parsers of others suggest options too."""
    with (
        mock.patch.object(argparse.ArgumentParser, 'error', _error_with_suggestion),
        mock.patch.object(DictAction, '__call__', _take_pairs),
    ):
        yield
