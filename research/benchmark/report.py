"""Results as text: for a terminal, and as Markdown."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..results import FOLDER
from ..text import markdown_table

#: Where the files of results are
BENCHMARKS = FOLDER / 'benchmarks'


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    def text(self, digits):
        return f'{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})'


def spread(values):
    """Spread: Of one value or more."""
    low, middle, high = np.percentile(values, (25, 50, 75))
    return Spread(middle, low, high)


def ratio(result, reference):
    """Spread: Of two results' times, round by round, so that drifts of the machine cancel.

    Below 1 is faster than the reference.
    """
    pairs = zip(result['seconds'], reference['seconds'])
    return spread([mine / theirs for mine, theirs in pairs])


def _short(name):
    return Path(name).stem if '/' in name else name


def _headline(setting, benchmark):
    task = 'Training step' if benchmark['task'] == 'training' else 'Inference'
    height, width = setting['size']
    threads = f'{benchmark["threads"]} thread' + 's' * (benchmark['threads'] > 1)
    return f'{task}, {height}x{width}, batch {setting["batch"]}, {threads}'


def ratios_table(setting, benchmark):
    """Lay out the ratios of a setting's times to those of the network they are compared with.

    Returns:
        tuple[str, tuple[str], list[tuple[str]]]: Title, columns and rows.
    """
    against = benchmark['against']
    by_key = {(result['model'], result['form']): result for result in setting['results']}
    rows = []
    for result in setting['results']:
        references = (by_key.get((against, form)) for form in (result['form'], 'eager'))
        cells = [
            '' if reference in (None, result) else ratio(result, reference).text(3)
            for reference in references
        ]
        rows.append((_short(result['model']), result['form'], *cells))
    over = f'over {_short(against)}'
    columns = ('network', 'form', f'{over}, same form', f'{over}, eager')
    return f'{_headline(setting, benchmark)}: ratios of times', columns, rows


def times_table(setting, benchmark):
    """Lay out a setting's times, beside the least that the machine would need.

    Returns:
        tuple[str, tuple[str], list[tuple[str]]]: As of :func:`ratios_table`.
    """
    training, machine = benchmark['task'] == 'training', benchmark['machine']
    columns = ('network', 'form', 'ms', 'images/s', 'arithmetic ms', 'bytes ms', 'over floor')
    columns += ('peak MB',) if training else ()
    columns += ('outputs off by',)
    rows = []
    for result in setting['results']:
        times = spread([1e3 * seconds for seconds in result['seconds']])
        arithmetic = 1e3 * result['multiply_adds'] / machine['multiply_adds']
        moved = 1e3 * result['bytes'] / machine['copied_bytes']
        cells = (
            times.text(2),
            f'{1e3 * setting["batch"] / times.median:.1f}',
            f'{arithmetic:.2f}',
            f'{moved:.2f}',
            f'{times.median / max(arithmetic, moved):.1f}',
        )
        cells += (f'{result["peak_memory"] / 1e6:.1f}',) if training else ()
        cells += (f'{result["difference"]:.1g}',)
        rows.append((_short(result['model']), result['form'], *cells))
    return f'{_headline(setting, benchmark)}: times', columns, rows


def tables(benchmark):
    """List a benchmark's tables: ratios first, then times and floors."""
    settings = benchmark['settings']
    return [lay_out(one, benchmark) for lay_out in (ratios_table, times_table) for one in settings]


def describe(benchmark):
    """str: Where and how a benchmark was taken."""
    environment = dict(benchmark['environment'])
    processor, cores = environment.pop('processor'), environment.pop('cores')
    machine = benchmark['machine']
    versions = ', '.join(f'{name} {version}' for name, version in environment.items())
    # Configs have widths of their own
    width = '' if benchmark['width'] is None else f'width {benchmark["width"]:g}, '
    start = f'{width}{benchmark["rounds"]} rounds'
    return (
        f'{start[0].upper()}{start[1:]}, on {processor} ({cores} cores): '
        f'{machine["multiply_adds"] / 1e9:.1f} G multiply-adds a second'
        f', {machine["copied_bytes"] / 1e9:.1f} GB copied a second. With {versions}.'
    )


def read_benchmarks():
    """list[dict]: The benchmarks of research/benchmarks/, by file name."""
    return [json.loads(path.read_text()) for path in sorted(BENCHMARKS.glob('*.json'))]


def sections(benchmarks):
    """list[str]: The lines of docs/performance.md below its head."""
    lines = []
    for benchmark in benchmarks:
        lines += [
            f'## {benchmark["title"]}',
            '',
            '```shell',
            '# not run by the tests: it takes minutes',
            benchmark['command'],
            '```',
            '',
            describe(benchmark),
            '',
        ]
        for title, columns, rows in tables(benchmark):
            lines += [f'### {title}', '', *markdown_table(columns, rows), '']
    return lines[:-1]
