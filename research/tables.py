"""Print the papers' tables beside what is measured here.

The exit status is 1 if a cell that once agreed no longer does.
"""

import json
import re
import sys
from functools import cache
from typing import NamedTuple

from mmengine.fileio import load
from mmengine.registry import MODELS, init_default_scope

import mmghost  # noqa: F401
from mmghost.utils.command_line import ArgumentParser, one_line_errors
from mmghost.utils.complexity import count_complexity

from .benchmark.report import ratio, read_benchmarks
from .results import (
    METRICS,
    PAPERS,
    RESULTS,
    ROOT,
    read_config,
    read_results,
    runs_of,
    summarise_runs,
)
from .text import markdown_table, rewrite, rich_table, wide_console

FACTORS = dict(M=1e6, G=1e9)
VERDICTS = AGREES, CUT, NEAR, DIFFERS = 'agrees', 'agrees cut off', 'near', 'differs'
NEAR_WITHIN = 0.01
HEADINGS = dict(params='parameters', flops='multiply-adds', top1='top-1', top5='top-5')
QUOTED_UNITS = dict(top1='%', top5='%', mIoU='%', latency='ms')
COLUMNS = ('system', 'paper: measured (difference, verdict)', "the paper's", 'ours')
LATENCY_FORM = 'litert'  # the papers' tool


class Cell(NamedTuple):
    """A measured figure of a paper: column, what is printed, what is measured, and the verdict.

    Both figures are in ``unit``, 'M' or 'G'.
    """

    column: str
    paper: str
    measured: float
    unit: str
    verdict: str

    def __str__(self):
        digits = len(self.paper.partition('.')[2]) + 1
        difference = self.measured / float(self.paper) - 1
        return (
            f'{HEADINGS[self.column]} {self.paper} {self.unit}: {self.measured:.{digits}f} '
            f'{self.unit} ({difference:+.1%}, {self.verdict})'
        )


def judge(measured, paper):
    """Compare a measured figure, in the paper's unit, with one as the paper prints it.

    Returns:
        str: 'agrees' if it rounds to the paper's digits, 'agrees cut off' if it begins with them,
        'near' if it is within 1 %, else 'differs'.
    """
    scaled = measured * 10 ** len(paper.partition('.')[2])
    digits = int(paper.replace('.', ''))
    if digits == int(scaled + 0.5):
        return AGREES
    if digits == int(scaled):
        return CUT
    return NEAR if abs(measured / float(paper) - 1) <= NEAR_WITHIN else DIFFERS


def measure_row(row):
    """Complexity: Parameters and multiply-adds of what a row of papers.yml counts."""
    keys = 'config', 'counted', 'options', 'size', 'part', 'also'
    return _count(json.dumps({key: row[key] for key in keys if key in row}))


@cache
def _count(text):
    row = json.loads(text)
    config = read_config(row.get('counted', row['config']), row.get('options'))
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    size, operators = row.get('size', 224), ('conv', 'linear', *row.get('also', ()))
    part = getattr(model, row['part']) if 'part' in row else model
    return count_complexity(part, (size, size), operators=operators)


def compare_latencies(rows, benchmarks):
    """Put rows' latencies over the first row's, as ratios carry over to other machines.

    Returns:
        dict[str, tuple[float, float]]: The paper's ratio and that of the first benchmark that timed
        all of the models in LiteRT, by config; empty if there is none.
    """
    told = {r['config']: float(r['cells']['latency']) for r in rows if 'latency' in r['cells']}
    settings = [setting for benchmark in benchmarks for setting in benchmark['settings']]
    for setting in settings if told else ():
        timed = {r['model']: r for r in setting['results'] if r['form'] == LATENCY_FORM}
        if told.keys() <= timed.keys():
            first, *others = told
            return {
                name: (told[name] / told[first], ratio(timed[name], timed[first]).median)
                for name in others
            }
    return {}


def measure_tables(paper=None, number=None, runs=(), benchmarks=()):
    """List the papers' tables, or those of a paper or a number only.

    Latencies are looked up in the benchmarks, accuracies in our runs.

    Returns:
        list[dict]: As in papers.yml, but each row has its ``measured`` :class:`Cell`s, too, and
        what ``ours`` gave, a text.
    """
    every = load(PAPERS)
    tables = [
        table
        for table in every
        if paper in (None, table['paper']) and number in (None, table['table'])
    ]
    if not tables:
        known = ', '.join(f'{table["paper"]} {table["table"]}' for table in every)
        raise ValueError(f'there is no such table, but {known}.')
    for table in tables:
        slowdowns = compare_latencies(table['rows'], benchmarks)
        for row in table['rows']:
            row['measured'] = list(_measure(row, table['units']))
            row['ours'] = _ours(row, runs_of(row, runs), slowdowns.get(row['config']))
    return tables


def _measure(row, units):
    for column, figure in row['cells'].items():
        if column in units:
            count = measure_row(row)
            found = count.parameters if column == 'params' else count.multiply_adds
            found /= FACTORS[units[column]]
            yield Cell(column, figure, found, units[column], judge(found, figure))


def _ours(row, runs, slowdown):
    """Say what our runs give for what the paper says: means and deviations over seeds."""
    summaries = {name: summarise_runs(runs, name) for name in row['cells'] if name in METRICS}
    found = [_quote(name, summary) for name, summary in summaries.items() if summary]
    ours = []
    if found:
        commits = ', '.join(sorted({run['commit'][:7] for run in runs}))
        count = f'{len(runs)} seed{"s" * (len(runs) > 1)}'
        ours.append(f'{", ".join(found)} ({count}, {commits})')
    if slowdown:
        paper, measured = slowdown
        ours.append(f"latency {measured:.2f} of the first row's (the paper's: {paper:.2f})")
    return ', '.join(ours)


def _quote(column, figure):
    return f'{HEADINGS.get(column, column)} {figure} {QUOTED_UNITS.get(column, "")}'.strip()


def summarise(tables):
    """Count the verdicts, in one sentence."""
    verdicts = [cell.verdict for t in tables for row in t['rows'] for cell in row['measured']]
    counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    met = len(verdicts) - counts[DIFFERS]
    share = f' ({met / len(verdicts):.0%} agree or are near)' if verdicts else ''
    return (
        f'Of {len(verdicts)} measured cells {counts[AGREES]} agree when rounded, {counts[CUT]} '
        f'when cut off, {counts[NEAR]} are near (within 1 %) and {counts[DIFFERS]} differ{share}.'
    )


def title_of(table):
    """str: Such as 'GhostNet, Table 7: ImageNet classification'."""
    return f'{table["paper"]}, Table {table["table"]}: {table["title"]}'


def lay_out(table):
    """Lay a table out.

    Returns:
        tuple[list[tuple], list[str]]: The texts of :data:`COLUMNS` by row, measured cells a line
        each; and what is to stand below, the notes by number.
    """
    rows, below = [], []
    for row in table['rows']:
        name = row['name']
        if 'note' in row:
            below.append(f'{len(below) + 1}. {row["note"]}')
            name = f'{name} ({len(below)})'
        quoted = [_quote(*one) for one in row['cells'].items() if one[0] not in table['units']]
        measured = '\n'.join(map(str, row['measured']))
        rows.append((name, measured, ', '.join(quoted), row['ours']))
    if 'left_out' in table:
        below += [''] * bool(below) + [f'Left out: {", ".join(table["left_out"])}.']
    return rows, below


def _link(config):
    stem = config.rpartition('/')[2].removesuffix('.py')
    return f'`{config}`' if '::' in config else f'[{stem}](../{config})'


def sections(tables):
    """list[str]: The lines of docs/tables.md below its head."""
    lines = []
    for table in tables:
        rows, below = lay_out(table)
        rows = [
            (*(text.replace('\n', '<br>') for text in texts), _link(row['config']))
            for texts, row in zip(rows, table['rows'])
        ]
        lines += [f'## {title_of(table)}', '', *markdown_table((*COLUMNS, 'config'), rows), '']
        lines += [*below, ''] if below else []
    return lines[:-1]


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('--paper', choices=('GhostNet', 'GhostNetV2'), help='default: both')
    parser.add_argument('--table', type=int, help='tables of this number only (default: all)')
    parser.add_argument(
        '--results', default=RESULTS, help="our runs (default: mmghost's research/results/)"
    )
    parser.add_argument('--markdown', action='store_true', help='write docs/tables.md')
    args = parser.parse_args()
    if args.markdown and (args.paper or args.table is not None):
        parser.error('--markdown writes all tables: leave --paper and --table out')
    return args


def main():
    args = parse_args()
    with one_line_errors():
        runs = read_results(args.results)
        tables = measure_tables(args.paper, args.table, runs, read_benchmarks())
    console, lost = wide_console(), []
    for table in tables:
        rows, below = lay_out(table)
        console.print(rich_table(COLUMNS, rows, title=title_of(table), caption='\n'.join(below)))
        for row in table['rows']:
            agree = {cell.column for cell in row['measured'] if cell.verdict in (AGREES, CUT)}
            gone = [column for column in row.get('agreed', ()) if column not in agree]
            lost += [f'{title_of(table)}, {row["name"]}: {one} no longer agrees' for one in gone]
    console.print(summarise(tables), highlight=False)
    if args.markdown:
        page = ROOT / 'docs' / 'tables.md'
        rewrite(page, sections(tables))
        page.write_text(
            re.sub(r'^Of \d+ measured .*', summarise(tables), page.read_text(), flags=re.M)
        )
    if lost:
        sys.exit('\n'.join(lost))


if __name__ == '__main__':
    main()
