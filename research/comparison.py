"""Write docs/comparison.md and its figures from our results."""

from functools import cache
from pathlib import Path
from statistics import median, stdev

import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.fileio import load

from mmghost.utils.command_line import ArgumentParser, one_line_errors

from .benchmark.report import spread
from .plots import scale_by_factors
from .results import (
    COMPARISON,
    RESULTS,
    ROOT,
    metric_of,
    read_results,
    runs_of,
    summarise_runs,
)
from .text import markdown_table, rewrite

COMMAND = 'python -m research.reproduce'
HEADINGS = dict(top1='top-1, %', mIoU='mIoU, %', AP='box AP', AP50='AP50')
PAGE = ROOT / 'docs' / 'comparison.md'
CURVES = ROOT / 'docs' / 'images' / 'learning_curves.png'
HEADS = ROOT / 'docs' / 'images' / 'heads.png'
#: The runtime whose times are given
RUNTIME = 'onnxruntime'


def read_comparison(results=RESULTS):
    """list[dict]: The tables of comparison.yml, each row with its ``runs`` of a folder.

    Where a table has ``times``, a row also has the ``milliseconds`` of an image.

    Raises:
        FileNotFoundError: If there are none.
    """
    runs, tables = read_results(results), load(COMPARISON)
    if not runs:
        raise FileNotFoundError(f'{results} has no results: `{COMMAND}` makes them.')
    for table in tables:
        times = _milliseconds(table['times']) if 'times' in table else {}
        for row in table['rows']:
            row.update(runs=runs_of(row, runs), milliseconds=times.get(row['config']))
    return tables


def _milliseconds(name):
    """dict[str, float]: The medians of a file of research.benchmark, by config."""
    (setting,) = load(ROOT / name)['settings']
    return {
        result['model']: 1e3 * spread(result['seconds']).median
        for result in setting['results']
        if result['form'] == RUNTIME
    }


@cache
def _counts(folder):
    """dict[str, tuple[str, str]]: Parameters and multiply-adds of a folder's configs."""
    entries = load(ROOT / folder / 'metafile.yml')['Models']
    return {
        entry['Config']: (
            f'{entry["Metadata"]["Parameters"] / 1e6:.2f} M',
            f'{entry["Metadata"]["FLOPs"] / 1e6:.1f} M',
        )
        for entry in entries
        if 'FLOPs' in entry['Metadata']
    }


def _text(summary):
    values = ', '.join(f'{value:.2f}' for value in summary.values)
    return f'{summary} ({values})'


def _difference(runs, others, column):
    """Tell two means' difference with its standard error, and whether it is more than twice that.

    Where both rows have the same seeds, the error of the differences seed by seed is told, too.
    Of one seed there is no error, and it is None whether it is.
    """
    one, other = summarise_runs(runs, column), summarise_runs(others, column)
    value = one.mean - other.mean
    if None in (one.deviation, other.deviation):
        return f'{value:+.2f}', None
    error = sum(each.deviation**2 / len(each.values) for each in (one, other)) ** 0.5
    text = f'{value:+.2f} ± {error:.2f}'
    if [run['seed'] for run in runs] == [run['seed'] for run in others]:
        pairs = [mine - its for mine, its in zip(one.values, other.values, strict=True)]
        text += f', paired ± {stdev(pairs) / len(pairs) ** 0.5:.2f}'
    return text, abs(value) > 2 * error


@cache
def _budget(name):
    """Give a config's budget but for the learning rate, and that."""
    config = Config.fromfile(ROOT / name)
    loader, optimizer = config.train_dataloader, config.optim_wrapper.optimizer
    images = f' of {loader.dataset.indices} images' if 'indices' in loader.dataset else ''
    epochs = config.train_cfg.get('max_epochs')
    length = f'{epochs} epochs{images}' if epochs else f'{config.train_cfg.max_iters} iterations'
    budget = (
        f'{length} in batches of {loader.batch_size}, {optimizer.type} with a learning rate of '
    )
    return budget, f'{optimizer.lr:g}'


def _budgets(names):
    rates = {}
    for budget, rate in map(_budget, names):
        rates.setdefault(budget, {})[rate] = None
    return '; '.join(budget + ' or '.join(found) for budget, found in rates.items())


def _table(table):
    columns, against = table['columns'], table.get('against')
    reference = next((row for row in table['rows'] if row['name'] == against), None)
    heads = ['system', 'parameters', 'multiply-adds']
    heads += [f'ms in {RUNTIME}'] if 'times' in table else []
    heads += [HEADINGS[name] for name in columns]
    if reference:
        heads.append(f'{HEADINGS[columns[0]]}: difference from {against}')
    heads += ['seeds', 'minutes a run']
    rows, outcomes = [], {}
    for row in table['rows']:
        found = {column: summarise_runs(row['runs'], column) for column in columns}
        cells = [
            f'[{row["name"]}](../{row["config"]})',
            *_counts(Path(row['config']).parent)[row['config']],
            *([f'{row["milliseconds"]:.2f}'] if 'times' in table else []),
            *(_text(one) if one else '' for one in found.values()),
        ]
        if reference:
            known = found[columns[0]] and summarise_runs(reference['runs'], columns[0])
            if known and row is not reference:
                outcomes[row['name']] = _difference(row['runs'], reference['runs'], columns[0])
            cells.append(outcomes.get(row['name'], [''])[0])
        times = [run['wall_time'] for run in row['runs'] if run['wall_time']]
        cells += [str(len(row['runs'])), f'{median(times) / 60:.1f}' if times else '']
        rows.append(cells)
    like = f'The like of {table["of"]}. ' if 'of' in table else ''
    intro = f'{like}Budget: {_budgets(row["config"] for row in table["rows"])}.'
    lines = [f'## {table["title"]}', '', intro, '', *markdown_table(heads, rows), '']
    clear = [f'{name} ({text})' for name, (text, is_clear) in outcomes.items() if is_clear]
    if clear:
        told = f'More than twice its error is the difference from {against} of {", ".join(clear)}.'
        lines += [told, '']
    elif any(is_clear is False for _, is_clear in outcomes.values()):
        lines += [f'No difference from {against} is more than twice its error.', '']
    return lines


def _machines(tables):
    """Name what the runs ran on."""
    runs = {id(run): run for table in tables for row in table['rows'] for run in row['runs']}
    told = set()
    for run in runs.values():
        about = run['environment']
        where = about.get('gpu', about['processor'])
        told.add(
            f'{where}, {about["threads"]} thread{"s" * (about["threads"] > 1)}, torch '
            f'{about["torch"]}, commit {run["commit"][:7]}{" with changes" * run["changed"]}'
        )
    return [f'- {one}' for one in sorted(told)]


def sections(tables):
    """list[str]: The lines of docs/comparison.md below its head, of the tables that have runs."""
    begun = [table for table in tables if any(row['runs'] for row in table['rows'])]
    lines = [line for table in begun for line in _table(table)]
    return [*lines, '## Where the runs ran', '', *_machines(tables)]


def _curves(runs, column):
    """Return when all runs were validated, in % of the training, and values ``(runs, times)``."""
    curves = []
    for run in runs:
        points = {point['step']: metric_of(point, column) for point in run['learning_curve']}
        curves.append({step: value for step, value in points.items() if value is not None})
    steps = sorted(set.intersection(*map(set, curves))) if curves else []
    times = [100 * step / steps[-1] for step in steps]  # a step is an epoch or an iteration
    return times, np.array([[curve[step] for step in steps] for curve in curves])


def draw_learning_curves(tables):
    """Draw the validations, a panel for each metric of a table, a line for each row.

    A line is the mean over the seeds, its shadow reaches from the least to the most.
    """
    panels = []
    for table in tables:
        # All columns where rows have different metrics, else the first
        for column in table['columns'] if 'against' not in table else table['columns'][:1]:
            lines = [(row['name'], *_curves(row['runs'], column)) for row in table['rows']]
            lines = [line for line in lines if line[1]]
            if lines:
                panels.append((table['title'], column, lines))
    columns = min(2, len(panels))
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(5 * columns, 3.6 * rows), layout='constrained')
    for place, (title, column, lines) in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, place)
        for name, times, values in lines:
            (line,) = axes.plot(times, values.mean(0), marker='o', label=name)
            low, high = values.min(0), values.max(0)
            axes.fill_between(times, low, high, color=line.get_color(), alpha=0.15)
        axes.set_title(title, fontsize=9)
        axes.set(xlabel='% of the training', ylabel=HEADINGS[column])
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    return figure


def draw_heads(tables):
    """Draw what heads find over the time of an image, a panel for each table with times."""
    timed = [table for table in tables if 'times' in table]
    figure = Figure(figsize=(5 * len(timed), 3.6), layout='constrained')
    for place, table in enumerate(timed, 1):
        axes = figure.add_subplot(1, len(timed), place)
        column = table['columns'][0]
        for row in table['rows']:
            found = summarise_runs(row['runs'], column)
            if found:
                point = row['milliseconds'], found.mean
                axes.errorbar(*point, yerr=found.deviation, marker='o', capsize=3)
                axes.annotate(row['name'], point, (6, 4), textcoords='offset points', fontsize=7)
        axes.set_title(table['title'], fontsize=9)
        axes.set(xlabel=f'ms in {RUNTIME}', ylabel=HEADINGS[column])
        scale_by_factors(axes)
        axes.margins(x=0.3)
    return figure


def main():
    parser = ArgumentParser(description=__doc__)
    results = "our runs (default: mmghost's research/results/)"
    parser.add_argument('--results', default=RESULTS, help=results)
    args = parser.parse_args()
    with one_line_errors():
        tables = read_comparison(args.results)
    for draw, file in ((draw_learning_curves, CURVES), (draw_heads, HEADS)):
        draw(tables).savefig(file, dpi=110, metadata=dict(Software=None))
    rewrite(PAGE, sections(tables))


if __name__ == '__main__':
    main()
