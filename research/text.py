"""Tables of texts, for a terminal and as Markdown."""

from rich.table import Table


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
