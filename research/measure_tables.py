"""The papers' tables beside what is measured here."""

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.fileio import load
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope

from .complexity import count_complexity
from .latencies import Slowdown, compare_latencies
from .results import config_path, read_results, runs_of

PAPERS = Path(__file__).with_name('papers.yml')
UNITS = dict(M=1e6, G=1e9)
AGREES, CUT, NEAR, DIFFERS = 'agrees', 'agrees cut off', 'near', 'differs'
NEAR_WITHIN = 0.01


class Cell(NamedTuple):
    """One figure of a paper beside the measured one, both in the table's unit."""

    column: str
    paper: str
    measured: float | None = None
    verdict: str | None = None

    @property
    def difference(self):
        """float: Measured less paper, in parts of the paper's."""
        return self.measured / float(self.paper) - 1


class Row(NamedTuple):
    """A system of a paper's table: its cells, how it is reproduced, what is lost, its latency."""

    name: str
    config: str
    cells: tuple
    results: tuple
    note: str
    lost: tuple
    slowdown: Slowdown | None


class Table(NamedTuple):
    """A paper's table."""

    paper: str
    number: int
    title: str
    units: dict
    rows: tuple
    left_out: tuple


def judge(measured, paper):
    """Compare a measured figure with one as a paper prints it.

    Args:
        measured (float): In the paper's unit.
        paper (str): As printed.

    Returns:
        str: 'agrees' if it rounds to the paper's digits, 'agrees cut off' if it begins with them,
        'near' if it is within 1 %, else 'differs'.
    """
    decimals = len(paper.partition('.')[2])
    scaled = measured * 10**decimals
    digits = int(paper.replace('.', ''))
    if digits == int(scaled + 0.5):
        return AGREES
    if digits == int(scaled):
        return CUT
    return NEAR if abs(measured / float(paper) - 1) <= NEAR_WITHIN else DIFFERS


@cache
def _count(name, configs, options, size, part, operators):
    config = get_config(name) if '::' in name else Config.fromfile(Path(configs, name))
    config.merge_from_dict(json.loads(options))
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    counted = model if part == 'model' else getattr(model, part)
    return count_complexity(counted, (size, size), operators=operators)


def measure_row(row, configs):
    """Count the parameters and multiply-adds of a row of papers.yml.

    Args:
        row (dict): The row.
        configs (str | Path): The folder that its configs are relative to; those of the mm packages
            are named ``package::path``.

    Returns:
        Complexity: Of what the row counts.
    """
    name = row.get('counted', row['config'])
    options = json.dumps(row.get('options', {}))  # hashable
    operators = ('conv', 'linear', *row.get('also', ()))
    size, part = row.get('size', 224), row.get('part', 'model')
    return _count(name, configs, options, size, part, operators)


def measure_tables(configs, results=None, paper=None, number=None, benchmarks=()):
    """Measure the papers' tables.

    Args:
        configs (str | Path): mmghost's folder of configs.
        results (str | Path, optional): Folder of our own results. Defaults to None.
        paper (str, optional): 'GhostNet' or 'GhostNetV2' only. Defaults to both.
        number (int, optional): Tables of that number only. Defaults to all.
        benchmarks (Sequence[dict]): As :func:`mmghost.benchmark.read_benchmarks` gives them, to
            look latencies up in. Defaults to none.

    Returns:
        list[Table]: The tables, in the papers' order.

    Raises:
        ValueError: If there is no such table.
    """
    chosen = [
        entry
        for entry in load(PAPERS)
        if paper in (None, entry['paper']) and number in (None, entry['table'])
    ]
    if not chosen:
        known = ', '.join(f'{entry["paper"]} {entry["table"]}' for entry in load(PAPERS))
        raise ValueError(f'there is no such table, but {known}.')
    runs = read_results(results) if results else []
    return [_measure_table(entry, configs, runs, benchmarks) for entry in chosen]


def _measure_table(entry, configs, runs, benchmarks):
    units = entry['units']
    latencies = {
        config_path(row): float(row['cells']['latency'])
        for row in entry['rows']
        if 'latency' in row['cells']
    }
    slowdowns = compare_latencies(latencies, benchmarks)
    rows = []
    for row in entry['rows']:
        cells = []
        for column, figure in row['cells'].items():
            if column not in units:
                cells.append(Cell(column, figure))
                continue
            count = measure_row(row, configs)
            count = count.parameters if column == 'params' else count.multiply_adds
            measured = count / UNITS[units[column]]
            cells.append(Cell(column, figure, measured, judge(measured, figure)))
        agree = {cell.column for cell in cells if cell.verdict in (AGREES, CUT)}
        rows.append(
            Row(
                row['name'],
                config_path(row),
                tuple(cells),
                runs_of(row, runs),
                row.get('note', ''),
                tuple(column for column in row.get('agreed', ()) if column not in agree),
                slowdowns.get(config_path(row)),
            )
        )
    left_out = tuple(entry.get('left_out', ()))
    return Table(entry['paper'], entry['table'], entry['title'], units, tuple(rows), left_out)
