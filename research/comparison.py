"""The papers' comparison on data that can be had: our results as a page."""

from pathlib import Path
from statistics import median
from typing import NamedTuple

from mmengine.config import Config
from mmengine.fileio import load

from .results import read_results, runs_of, summarise_runs

COMPARISON = Path(__file__).with_name('comparison.yml')
COMMAND = 'python tools/reproduce.py'
HEADINGS = dict(top1='top-1, %', mIoU='mIoU, %', AP='box AP', AP50='AP50')
CURVES = 'images/learning_curves.png'

_HEAD = """\
# The comparison on data that can be had

Written by `python tools/analysis_tools/compare_results.py` from the runs in [results/](../results),
which `python tools/reproduce.py` makes; [reproduce.md](reproduce.md) explains both. COCO, ADE20K
and ImageNet cannot be had where mmghost is developed. These are the papers' comparisons on
Fashion-MNIST and on scenes made of it instead: one recipe and one budget for all models of a table.
They say how the models compare where data and training are small; the papers' accuracy they cannot
confirm or refute.
"""
_READING = """\
Given are the mean over the seeds, the sample's standard deviation and, in brackets, each seed's
value, all of the last epoch. A difference is that of two means, with its standard error: one below
twice its error means little. Parameters and multiply-adds are those of the whole model. Minutes are
the median of the runs, by the clock, on a machine that may have done other things too. The learning
curves show the means over the seeds, and from the least to the most; those of classification are of
training articles that no model trains on, the others of what the results are of.
"""


def read_comparison(results):
    """Read the comparison's tables with our results in them.

    Args:
        results (str | Path): The folder of results.

    Returns:
        list[dict]: As in comparison.yml, each row with its ``runs``.
    """
    runs, tables = read_results(results), load(COMPARISON)
    for table in tables:
        for row in table['rows']:
            row['runs'] = runs_of(row, runs)
    return tables


def _counts(configs):
    entries = load(Path(configs, 'comparison', 'metafile.yml'))['Models']
    return {
        Path(entry['Config']).name: (
            f'{entry["Metadata"]["Parameters"] / 1e6:.2f} M',
            f'{entry["Metadata"]["FLOPs"] / 1e6:.1f} M',
        )
        for entry in entries
    }


def _text(summary):
    values = ', '.join(f'{value:.2f}' for value in summary.values)
    return f'{summary} ({values})'


class Difference(NamedTuple):
    """Of two means, with its standard error; None where a mean is of one value."""

    value: float
    error: float | None

    def __str__(self):
        error = '' if self.error is None else f' ± {self.error:.2f}'
        return f'{self.value:+.2f}{error}'

    @property
    def is_clear(self):
        """bool: Whether it is more than twice its error."""
        return self.error is not None and abs(self.value) > 2 * self.error


def _difference(summary, other):
    error = None
    if None not in (summary.deviation, other.deviation):
        error = sum(one.deviation**2 / len(one.values) for one in (summary, other)) ** 0.5
    return Difference(summary.mean - other.mean, error)


def _budget(row, configs):
    config = Config.fromfile(Path(configs, row['config']))
    loader, optimizer = config.train_dataloader, config.optim_wrapper.optimizer
    return (
        f'{config.train_cfg.max_epochs} epochs of {loader.dataset.indices} images in batches of '
        f'{loader.batch_size}, {optimizer.type} with a learning rate of {optimizer.lr:g}'
    )


def _table(table, configs, counts):
    columns, against = table['columns'], table.get('against')
    reference = next((row for row in table['rows'] if row['name'] == against), None)
    heads = ['system', 'parameters', 'multiply-adds', *(HEADINGS[name] for name in columns)]
    if reference:
        heads.append(f'{HEADINGS[columns[0]]}: difference from {against}')
    heads += ['seeds', 'minutes a run']
    lines = [f'| {" | ".join(heads)} |', '| --- ' * len(heads) + '|']
    differences = {}
    for row in table['rows']:
        name = Path(row['config']).name
        label = f'[{row["name"]}](../configs/{row["config"]})'
        found = {column: summarise_runs(row['runs'], column) for column in columns}
        cells = [label, *counts[name], *(_text(one) if one else '' for one in found.values())]
        if reference:
            other = summarise_runs(reference['runs'], columns[0])
            first = found[columns[0]]
            if first and other and row is not reference:
                differences[row['name']] = _difference(first, other)
            cells.append(str(differences.get(row['name'], '')))
        times = [run['wall_time'] for run in row['runs']]
        cells += [str(len(times)), f'{median(times) / 60:.1f}' if times else '']
        lines.append(f'| {" | ".join(cells)} |')
    budgets = list(dict.fromkeys(_budget(row, configs) for row in table['rows']))
    title, like = table['title'], table['of']
    intro = f'The like of {like}. Budget: {"; ".join(budgets)}.'
    outcome = ['', _outcome(differences, against)] if differences else []
    return ['', f'## {title}', '', intro, '', *lines, *outcome]


def _outcome(differences, against):
    clear = [f'{name} ({one})' for name, one in differences.items() if one.is_clear]
    if not clear:
        return f'No difference from {against} is more than twice its error.'
    return f'More than twice its error is the difference from {against} of {", ".join(clear)}.'


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


def comparison_page(results, configs):
    """Write our results as a Markdown page.

    Args:
        results (str | Path): The folder of results.
        configs (str | Path): mmghost's folder of configs.

    Returns:
        str: The page; without results it says how to make them.
    """
    tables = read_comparison(results)
    missing = [
        table['table']
        for table in tables
        if any(len(row['runs']) < len(table['seeds']) for row in table['rows'])
    ]
    has_results = any(row['runs'] for table in tables for row in table['rows'])
    lines = [_HEAD]
    if missing:
        lines += [f'Not all runs are done: `{COMMAND} {" ".join(missing)}` does the rest.', '']
    if not has_results:
        return '\n'.join([*lines, 'There are no results yet.']) + '\n'
    lines.append(_READING)
    lines.append(f'![Learning curves]({CURVES})')
    counts = _counts(configs)
    for table in tables:
        lines += _table(table, configs, counts)
    lines += ['', '## Where the runs ran', '', *_machines(tables)]
    return '\n'.join(lines) + '\n'
