"""Tables reproduced: every row with data trained, tested and recorded."""

import shutil
from pathlib import Path
from statistics import mean

from mmghost.analysis.results import METRICS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from .data_sets import DataError, below_root
from .estimate import by_results, by_step, in_words
from .launch import Launch
from .lock import Locked, locked
from .parts import Parts, describe_code
from .plan import (
    needed_run,
    plan_runs,
    refuse_missing_weights,
    refuse_other_content,
    sort_out_data,
)
from .prepare_data import make_data
from .run import RunFailed

ONE_PROCESS = Launch()


def reproduce(
    tables,
    configs,
    results,
    data_root='data',
    work_dirs='work_dirs/reproduce',
    rows=None,
    seeds=None,
    launch=ONE_PROCESS,
    overwrite=False,
    dry_run=False,
    console=None,
):
    """Train, test and record every row of tables that has data.

    What an earlier call finished is not done again, what it was stopped in goes on. A row that
    fails is reported, and the others are done all the same.

    Args:
        tables (Sequence[str]): Their names, see :func:`mmghost.reproduce.table_names`.
        configs (str | Path): mmghost's folder of configs, in its repository.
        results (str | Path): The folder of the results, a json file for a row and a seed.
        data_root (str | Path): Where the data is that configs have in ``data``.
        work_dirs (str | Path): Where checkpoints and logs go, a folder for a row and a seed.
        rows (Sequence[str], optional): Numbers from 1 on, or parts of names. Defaults to all.
        seeds (Sequence[int], optional): Defaults to the tables' own.
        launch (Launch): How trainings are started. Defaults to one process.
        overwrite (bool): Replace what was made with another config of the same name.
        dry_run (bool): Print the plan, rows without data too, and do nothing.
        console (rich.console.Console, optional): Where to print.

    Returns:
        bool: Whether every row that was asked for is recorded now.

    Raises:
        DataError: If no row has its data.
        ValueError, TypeError: If there is no such table or row, an option is wrong, or something
            was made with another config of the same name and ``overwrite`` is False.
    """
    console = console or Console(soft_wrap=True)
    configs, work_dirs, results = Path(configs), Path(work_dirs), Path(results)
    launch.check()
    planned = plan_runs(tables, rows, seeds, launch, configs, work_dirs, results)
    runs, without, to_make = sort_out_data(planned, data_root)
    missing = [run for lacking in without.values() for run in lacking]
    if not runs and not dry_run:
        raise DataError('; '.join(without) + '.')
    for fault, lacking in without.items():
        console.print(f'{fault}. Left out: {_titles(lacking)}.', style='yellow', markup=False)
    if not overwrite:
        refuse_other_content(runs)
    refuse_missing_weights(runs, configs)
    if dry_run:
        _print_plan(planned, missing, to_make, data_root, console)
        return True
    for folder in sorted(to_make):
        make_data(folder, below_root(folder, data_root))
    failed = _do_all(runs, configs, data_root, console)
    for run, reason in failed.items():
        console.print(f'{run.title}: {reason}', style='red', markup=False)
    console.print(
        f'{len(runs) - len(failed)} of {len(planned)} recorded in {results}'
        + (f', {len(missing)} without data' if missing else '')
        + (f', {len(failed)} not done' if failed else '')
        + '.',
        highlight=False,
    )
    return not failed and not missing


def _titles(runs):
    return '; '.join(dict.fromkeys(f'{run.row.table}, {run.row.name}' for run in runs))


def _print_plan(runs, missing, to_make, data_root, console):
    for place in sorted(below_root(folder, data_root) for folder in to_make):
        if not place.exists():
            console.print(f'{place} will be made.', highlight=False)
    table = RichTable('run', 'to do', 'about', 'by')
    left = [run for run in runs if not run.is_recorded()]
    total, unknown, measured = 0.0, 0, {}
    for run in runs:
        if run not in left:
            table.add_row(run.title, 'nothing', '', str(run.file))
            continue
        found = by_results(run, runs)
        if found is None:
            if id(run.config) not in measured:  # the same for all seeds
                measured[id(run.config)] = by_step(run)
            found = measured[id(run.config)]
        seconds, source = found or (0.0, '')
        total += seconds
        unknown += found is None
        to_do = 'go on' if run.is_begun() else 'train'
        if run in missing:
            to_do = 'get its data'
        table.add_row(run.title, to_do, in_words(seconds) if found else 'unknown', source)
    console.print(table)
    for run in left:
        console.print(f'\n{run.title}: {run.row.config}', highlight=False, markup=False)
        for words in run.commands():
            console.print(f'  mim {" ".join(words)}', highlight=False, markup=False)
    more = f', and {unknown} of unknown time' if unknown else ''
    console.print(
        f'\n{len(left)} to do, one after the other about {in_words(total)}{more}.', highlight=False
    )


def _do_all(runs, configs, data_root, console):
    """Do the runs; return what was not done, and why."""
    failed, times = {}, []
    columns = (
        TextColumn('{task.description}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('{task.fields[left]}'),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task('', total=len(runs), left='')
        for index, run in enumerate(runs):
            if times:
                left = f'about {in_words(mean(times) * (len(runs) - index))} left'
                progress.update(bar, left=left)

            def say(how_far, run=run):
                progress.update(bar, description=f'{run.title} {how_far}'.strip())

            say('')
            place = f'[{index + 1}/{len(runs)}] {run.title}'
            try:
                result, reused = _do(run, configs, data_root, say)
            except (RunFailed, Locked) as error:
                failed[run] = str(error)
                told = f'{place}: not done: {error}'
            else:
                if not reused:
                    times.append(result['wall_time'])
                told = f'{place}: {_told(run, result, reused)}'
            console.print(told, highlight=False, markup=False)
            progress.advance(bar)
    return failed


def _do(run, configs, data_root, say):
    with locked(run.lock) as lock:
        if run.is_recorded():
            return run.result(), True
        if Parts(run.work_dir).content not in (None, run.content):
            shutil.rmtree(run.work_dir)
        needed, pretrained = needed_run(run, configs), None
        if needed is not None:
            pretrained = needed.checkpoint()
            if pretrained is None or not needed.is_recorded():
                raise RunFailed(f'the weights of {needed.name}, to begin with, are not there')
        code = describe_code(configs.resolve().parent)
        return run.do(data_root, code, lock, pretrained, say), False


def _told(run, result, reused):
    metrics = {name: value for name, value in result['metrics'].items() if value is not None}
    known = [name for name, _ in METRICS.values() if name in metrics]
    main = ', '.join(f'{name} {metrics[name]:g}' for name in (known or list(metrics))[:2])
    if reused:
        return f'{main}; reused from {run.file}'
    starts = len(result['parts'])
    often = f', {starts} parts' if starts > 1 else ''
    return f'{main}; {in_words(result["wall_time"])}{often}'
