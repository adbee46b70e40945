"""Tables of texts, for a terminal and as Markdown."""

import sys

from rich.console import Console
from rich.table import Table


def wide_console():
    """Return a console of the terminal's width or, where output goes elsewhere, of 160 columns."""
    return Console(width=None if sys.stdout.isatty() else 160)


def rich_table(columns, rows, **options):
    """Table: For rich's console; the first column is of names, the others of figures."""
    table = Table(**options)
    for index, column in enumerate(columns):
        table.add_column(column, justify='right' if index else 'left')
    for row in rows:
        table.add_row(*row)
    return table


def markdown_table(columns, rows):
    """list[str]: The lines of a Markdown table."""
    lines = [columns, ['---'] * len(columns), *rows]
    return [f'| {" | ".join(cells)} |' for cells in lines]


def rewrite(page, sections):
    """Replace what is below the head of a Markdown page by lines that begin with a heading."""
    head = page.read_text().partition('\n## ')[0]
    page.write_text('\n'.join([head, *sections]) + '\n')
