"""The table that ends a demo."""

from rich.console import Console
from rich.table import Table


def print_report(title, metrics, paths):
    """Print what a demo reached and where it lies.

    Args:
        title (str): The table's title.
        metrics (dict[str, str]): Name and value of each metric.
        paths (dict[str, Path]): What lies where.
    """
    table = Table(title=title, show_header=False, title_justify='left')
    table.add_column(no_wrap=True)
    table.add_column(overflow='fold')
    for name, value in metrics.items():
        table.add_row(name, value)
    table.add_section()
    for name, path in paths.items():
        table.add_row(name, str(path))
    Console().print(table)
