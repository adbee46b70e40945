import sys

from rich.console import Console


def wide_console():
    """Return a console of the terminal's width or, where output goes elsewhere, of 160 columns."""
    return Console(width=None if sys.stdout.isatty() else 160)
