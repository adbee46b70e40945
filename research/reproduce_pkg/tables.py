"""Tables that can be reproduced: both papers', and the comparison on data that can be had."""

from typing import NamedTuple

from mmengine.fileio import load
from mmghost.analysis.comparison import COMPARISON
from mmghost.analysis.paper_tables import PAPERS

from mmghost.utils import nearest

_PAPER = {'GhostNet': 'v1', 'GhostNetV2': 'v2'}


class Row(NamedTuple):
    """A row of a table: a config, what is changed in it, and the row whose weights it needs."""

    table: str
    name: str
    config: str
    options: dict
    pretrained: str | None


class Table(NamedTuple):
    """A table, and the seeds that its rows are trained with unless others are asked for."""

    name: str
    title: str
    seeds: tuple
    rows: tuple


def _rows(table, entry):
    return tuple(
        Row(table, str(row['name']), row['config'], row.get('options', {}), row.get('pretrained'))
        for row in entry['rows']
    )


def _read_tables():
    for entry in load(PAPERS):
        name = f'{_PAPER[entry["paper"]]}-{entry["table"]}'
        title = f'{entry["paper"]}, Table {entry["table"]}: {entry["title"]}'
        yield Table(name, title, (0,), _rows(name, entry))
    for entry in load(COMPARISON):
        name = entry['table']
        yield Table(name, entry['title'], tuple(entry['seeds']), _rows(name, entry))


def table_names():
    """List the names of all tables: ``v1-3`` is Table 3 of GhostNet, ``v2-3`` of GhostNetV2.

    Returns:
        list[str]: The papers', then the comparison's.
    """
    return [table.name for table in _read_tables()]


def find_table(name):
    """Read a table.

    Args:
        name (str): One of :func:`table_names`.

    Returns:
        Table: The table.

    Raises:
        ValueError: If there is none of that name, with the nearest that there is.
    """
    tables = {table.name: table for table in _read_tables()}
    if name not in tables:
        hint = nearest(name, tables, 0.5).rstrip('?')
        raise ValueError(f'there is no table {name!r}{hint}; there are {", ".join(tables)}.')
    return tables[name]


def choose_rows(table, wanted):
    """Choose rows of a table.

    Args:
        table (Table): The table.
        wanted (Sequence[str] | None): Numbers from 1 on, or parts of names in either case; None
            for all.

    Returns:
        list[Row]: The rows that any of them is for, in the table's order.

    Raises:
        ValueError: If one is for no row.
    """
    if wanted is None:
        return list(table.rows)
    chosen = set()
    for word in wanted:
        if word.isdecimal():
            found = {int(word) - 1} & set(range(len(table.rows)))
        else:
            found = {i for i, row in enumerate(table.rows) if word.lower() in row.name.lower()}
        if not found:
            known = '; '.join(f'{i} {row.name}' for i, row in enumerate(table.rows, 1))
            raise ValueError(f'{table.name} has no row {word!r}, but {known}.')
        chosen |= found
    return [table.rows[index] for index in sorted(chosen)]
