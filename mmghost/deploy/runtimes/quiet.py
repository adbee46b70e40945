"""Silence for exporters that report every step."""

import contextlib
import logging
import os
import sys
import warnings


@contextlib.contextmanager
def quiet():
    """Keep what is printed, warned of and logged inside from the user; errors still rise.

    What C++ prints goes to the process's own streams, so these are led away themselves.
    """
    disabled = logging.root.manager.disable
    streams = {1: sys.stdout, 2: sys.stderr}
    kept = {number: os.dup(number) for number in streams}
    with warnings.catch_warnings(), open(os.devnull, 'w') as nowhere:
        warnings.simplefilter('ignore')
        logging.disable(logging.ERROR)
        for number, stream in streams.items():
            stream.flush()
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            for number, stream in streams.items():
                stream.flush()
                os.dup2(kept[number], number)
                os.close(kept[number])
            logging.disable(disabled)
