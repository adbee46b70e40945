"""Results as text: for a terminal, and as Markdown."""

import json
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from mmghost.utils.outputs import check_file

from ..results import FOLDER
from ..text import markdown_table

#: Where the files of results are
BENCHMARKS = FOLDER / 'benchmarks'
OPERATORS = 12  # that are shown
KEYS = {
    *('title', 'command', 'task', 'against', 'width', 'threads', 'rounds', 'device'),
    *('environment', 'machine', 'settings'),
}

_HEAD = """\
# Performance

Written by `python -m research.benchmark --markdown` from the files in
[research/benchmarks/](../research/benchmarks). Each is of one process, in which the networks took
turns after their outputs had been compared. Figures are medians with their quartiles. Ratios are of
times of the same round, so that a change of the machine's speed cancels; below 1 is faster. The
floor is what the machine would need for the multiply-adds of convolutions and linear layers at the
rate of its matrix product, or for moving their weights, inputs and outputs once at the rate of its
copy, whichever is more; a training step is three passes. Peak MB is what PyTorch allocates during a
step, weights not counted.

[What was tried, and what it gave](performance_notes.md)."""


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    def text(self, digits):
        return f'{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})'


class Table(NamedTuple):
    """A table of texts; the first columns hold names."""

    title: str
    columns: tuple
    rows: list


def spread(values):
    """Spread: Of one value or more."""
    if len(values) == 1:
        return Spread(*values * 3)
    low, _, high = quantiles(values, n=4, method='inclusive')
    return Spread(median(values), low, high)


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
    where = 'GPU' if benchmark['device'] == 'cuda' else threads
    return f'{task}, {height}x{width}, batch {setting["batch"]}, {where}'


def ratios_table(setting, benchmark):
    """Lay out the ratios of a setting's times to those of the network they are compared with."""
    against = benchmark['against']
    by_key = {(result['model'], result['form']): result for result in setting['results']}
    short = _short(against)
    rows = []
    for result in setting['results']:
        references = (
            by_key.get((against, result['form'])),
            by_key.get((against, 'eager')),
        )
        cells = [
            '' if reference in (None, result) else ratio(result, reference).text(3)
            for reference in references
        ]
        rows.append((_short(result['model']), result['form'], *cells))
    columns = ('network', 'form', f'over {short}, same form', f'over {short}, eager')
    return Table(f'{_headline(setting, benchmark)}: ratios of times', columns, rows)


def times_table(setting, benchmark):
    """Lay out a setting's times, beside the least that the machine would need."""
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
    return Table(f'{_headline(setting, benchmark)}: times', columns, rows)


def operators_tables(setting, benchmark):
    """Yield tables of the operators that take longest in each result that has some."""
    for result in setting['results']:
        operators = result.get('operators', [])
        total = sum(milliseconds for _, _, milliseconds in operators)
        rows = [
            (name, f'{calls:g}', f'{milliseconds:.3f}', f'{milliseconds / total:.0%}')
            for name, calls, milliseconds in operators[:OPERATORS]
        ]
        if rows:
            where = f'{_headline(setting, benchmark)}: {_short(result["model"])}, {result["form"]}'
            yield Table(f'{where}: operators', ('operator', 'calls', 'ms', 'of all'), rows)


def tables(benchmark):
    """List a benchmark's tables: ratios first, then times and floors, then operators."""
    settings = benchmark['settings']
    return [
        *(ratios_table(setting, benchmark) for setting in settings),
        *(times_table(setting, benchmark) for setting in settings),
        *(table for setting in settings for table in operators_tables(setting, benchmark)),
    ]


def describe(benchmark):
    """str: Where and how a benchmark was taken."""
    environment = dict(benchmark['environment'])
    processor, cores = environment.pop('processor'), environment.pop('cores')
    gpu = environment.pop('gpu', None)
    machine = benchmark['machine']
    versions = ', '.join(f'{name} {version}' for name, version in environment.items())
    where = f'{gpu}, {processor}' if gpu else processor
    # Configs have widths of their own
    width = '' if benchmark['width'] is None else f'width {benchmark["width"]:g}, '
    start = f'{width}{benchmark["rounds"]} rounds'
    return (
        f'{start[0].upper()}{start[1:]}, on {where} ({cores} cores): '
        f'{machine["multiply_adds"] / 1e9:.1f} G multiply-adds a second'
        f', {machine["copied_bytes"] / 1e9:.1f} GB copied a second. With {versions}.'
    )


def check_results_file(file):
    """Raise an OSError or ValueError unless results can be written there, over others at most."""
    file = Path(file)
    check_file(file)
    if file.suffix != '.json':
        raise ValueError(f'results are written to a .json file, not to {file}.')
    if file.exists():
        try:
            _read(file)
        except (TypeError, ValueError) as error:
            raise FileExistsError(f'{file} exists and holds no benchmark: {error}') from error


def _read(file):
    content = json.loads(file.read_text())
    missing = KEYS - set(content)
    if missing:
        raise ValueError(f'{file} lacks {", ".join(sorted(missing))}.')
    return content


def read_benchmarks(folder=BENCHMARKS):
    """list[dict]: The benchmarks of a folder, by file name; a file that is none is a ValueError."""
    return [_read(path) for path in sorted(Path(folder).glob('*.json'))]


def to_markdown(benchmarks):
    """Write benchmarks as a Markdown page."""
    lines = [_HEAD]
    for benchmark in benchmarks:
        lines += [
            '',
            f'## {benchmark["title"]}',
            '',
            '```shell',
            '# not run by the tests: it takes minutes',
            benchmark['command'],
            '```',
            '',
            describe(benchmark),
        ]
        for table in tables(benchmark):
            lines += ['', f'### {table.title}', '', *markdown_table(table.columns, table.rows)]
    return '\n'.join(lines) + '\n'
