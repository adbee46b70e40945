"""Which runs tables mean, which of them have data, and what stands in the way."""

from pathlib import Path

from mmghost.utils import check_int

from .data_sets import data_folder, find_faults
from .prepare_data import can_be_made
from .run import Run
from .run_config import read_config
from .tables import Row, choose_rows, find_table


def plan_runs(names, rows, seeds, launch, configs, work_dirs, results):
    """List the runs of tables, the first seed of all rows first.

    Args:
        names (Sequence[str]): The tables.
        rows (Sequence[str] | None): See :func:`mmghost.reproduce.tables.choose_rows`.
        seeds (Sequence[int] | None): None for those of each table.
        launch (Launch): How they are started.
        configs, work_dirs, results (Path): Folders.

    Returns:
        list[Run]: Each once, though several tables may have it.
    """
    for seed in seeds or ():
        check_int('seed', seed, 0)
    ordered = []
    for name in names:
        table = find_table(name)
        chosen = choose_rows(table, rows)
        for place, seed in enumerate(table.seeds if seeds is None else seeds):
            ordered += [(place, row, seed) for row in chosen]
    known, runs = {}, {}
    for _, row, seed in sorted(ordered, key=lambda one: one[0]):
        key = (row.config, str(row.options))
        if key not in known:
            known[key] = read_config(row, configs)
        run = Run(row, seed, known[key], launch, work_dirs, results)
        runs.setdefault(run.name, run)
    return list(runs.values())


def sort_out_data(runs, data_root):
    """Part the runs that have their data, or whose data can be made, from the others.

    Args:
        runs (Sequence[Run]): The runs.
        data_root (str | Path): Where the data is that configs have in ``data``.

    Returns:
        tuple[list[Run], dict[str, list[Run]], set[Path]]: The runs with data; what is wrong with
        the data of the others; and the folders of configs that have to be made.
    """
    faults, able, without, to_make = {}, [], {}, set()
    for run in runs:
        folder = data_folder(run.config)
        if folder not in faults:
            made = can_be_made(folder)
            to_make |= {folder} if made else set()
            faults[folder] = None if made else find_faults(folder, data_root)
        if faults[folder] is None:
            able.append(run)
        else:
            without.setdefault(faults[folder], []).append(run)
    return able, without, to_make


def refuse_other_content(runs):
    """Raise a ValueError if a run was made, or begun, with another config of the same name."""
    other = [path for run in runs if (path := run.differs()) is not None]
    if other:
        more = f' (and {len(other) - 1} more)' if len(other) > 1 else ''
        raise ValueError(
            f'{other[0]}{more} was made with other content of the config: keep it elsewhere, or '
            'give --overwrite.'
        )


def needed_run(run, configs):
    """Run | None: The run whose weights a run begins with."""
    if run.row.pretrained is None:
        return None
    row = Row(run.row.table, Path(run.row.pretrained).stem, run.row.pretrained, {}, None)
    config = read_config(row, configs)
    return Run(row, run.seed, config, run.launch, run.work_dirs, run.results)


def refuse_missing_weights(runs, configs):
    """Raise a ValueError if a run begins with weights that are not there and will not be."""
    names = {run.name for run in runs}
    for run in runs:
        needed = None if run.is_recorded() else needed_run(run, configs)
        if needed is None:
            continue
        if needed.is_recorded():
            if needed.checkpoint() is None:
                raise ValueError(
                    f'{run.title} begins with the weights of {needed.name}, which are no longer '
                    f'in {needed.work_dir}: to train it again, take {needed.file} away.'
                )
        elif needed.name not in names:
            raise ValueError(
                f'{run.title} begins with the weights of {needed.name}, which has not been '
                'trained: let its row be trained too.'
            )
