"""Reproduce tables: train, test and record every row that has its data.

Run it again after an interruption: recorded rows are kept, the others go on where they were. The
exit status is 1 if a row that was asked for is not recorded at the end.
"""

import argparse
import ast
import copy
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.fileio import load
from mmengine.runner import find_latest_checkpoint
from rich.console import Console

from demo.fashion_mnist import find_fashion_mnist, unpack_fashion_mnist
from demo.fashion_scenes import make_fashion_scenes
from demo.mim import mim_words, newest, read_scalars, run_mim, test_metrics
from mmghost.utils import check_int, nearest
from mmghost.utils.command_line import ArgumentParser, one_line_errors
from mmghost.utils.files import write_atomically

from .benchmark.machine import describe_environment
from .results import COMPARISON, METRICS, PAPERS, RESULTS, ROOT, read_config

STOPPED = 130
SLURM = ('gpus_per_node', 'cpus_per_task', 'partition', 'srun_args')
#: Data sets that are made here, by what makes them
MADE = {
    'data/fashion_mnist': unpack_fashion_mnist,
    'data/fashion_scenes': lambda source, place: make_fashion_scenes(place, source),
}


def read_tables():
    """dict[str, dict]: The tables by name; ``v1-3`` is Table 3 of GhostNet, ``v2-3`` of V2."""
    version = dict(GhostNet='v1', GhostNetV2='v2')
    papers = {f'{version[one["paper"]]}-{one["table"]}': one for one in load(PAPERS)}
    return {**papers, **{one['table']: one for one in load(COMPARISON)}}


def choose_rows(rows, wanted=None):
    """Choose rows of a table by numbers from 1 on, or parts of names in either case.

    Raises:
        ValueError: If one is for no row.
    """
    if wanted is None:
        return rows
    numbered = {str(number): row for number, row in enumerate(rows, 1)}
    chosen = []
    for word in wanted:
        found = [
            number
            for number, row in numbered.items()
            if (word == number if word.isdecimal() else word.lower() in row['name'].lower())
        ]
        if not found:
            known = '; '.join(f'{number} {row["name"]}' for number, row in numbered.items())
            raise ValueError(f'there is no row {word!r}, but {known}.')
        chosen += found
    return [row for number, row in numbered.items() if number in chosen]


@dataclass
class Run:
    """A row with a seed: its config, its folder and the file of its result."""

    table: str
    row: dict
    seed: int
    work_dirs: Path
    results: Path

    def __post_init__(self):
        options = self.row.get('options', {})
        self.config = read_config(self.row['config'], options)
        self.name = run_name(self.row['config'], options, self.seed)
        self.title = f'{self.table}, {self.row["name"]}, seed {self.seed}'
        self.work_dir = self.work_dirs / self.name
        self.config_file = self.work_dir / 'config' / f'{self.name}.py'
        self.file = self.results / f'{self.name}.json'

    @property
    def data(self):
        """str: Where the config looks for its training data, or '' if it does not say."""
        dataset = self.config.train_dataloader.dataset
        while 'dataset' in dataset:
            dataset = dataset['dataset']
        return dataset.get('data_root', '').rstrip('/')

    def weights_of(self, key):
        """str | None: What another row trained with this seed, if the row names one under a key."""
        if key not in self.row:
            return None
        name = run_name(self.row[key], {}, self.seed)
        checkpoint = find_latest_checkpoint(self.work_dirs / name)
        if checkpoint is None or not (self.results / f'{name}.json').exists():
            raise FileNotFoundError(f'{name} has not ended, whose weights this begins with')
        return checkpoint


def run_name(config, options, seed):
    """Name a run by its config, what the row changes in it, and the seed."""
    changes = [f'{key.rpartition(".")[2]}={value}' for key, value in options.items()]
    return '_'.join([Path(config).stem, *changes, f'seed{seed}']).replace(' ', '')


def plan_runs(names, rows, seeds, work_dirs, results):
    """list[Run]: Those of tables, each once, the first seed of all rows first."""
    tables, ordered = read_tables(), []
    for seed in seeds or ():
        check_int('seed', seed, 0)
    for name in names:
        if name not in tables:
            hint = nearest(name, tables, 0.5).rstrip('?')
            raise ValueError(f'there is no table {name!r}{hint}; there are {", ".join(tables)}.')
        chosen = choose_rows(tables[name]['rows'], rows)
        for place, seed in enumerate(seeds or tables[name].get('seeds', [0])):
            ordered += [(place, name, row, seed) for row in chosen]
    ordered.sort(key=lambda one: one[0])
    runs = [Run(*one, Path(work_dirs), Path(results)) for _, *one in ordered]
    return list({run.name: run for run in runs}.values())


def below(folder, data_root):
    """str: A folder of a config, below another root than the configs' ``data``."""
    return folder.replace('data/', f'{data_root}/', 1)


def write_config(run, data_root, launch, checkpoint=None, teacher=None):
    """Write the config of a run, with its data elsewhere, and so that it can be resumed.

    With another number of processes than the config is for, the learning rate is scaled to their
    batch. ``checkpoint`` is what the backbone begins with, ``teacher`` what the teacher is.

    Raises:
        ValueError: If the run was begun with another config.
    """
    config = copy.deepcopy(run.config)
    config.runner_type = 'mmghost.ResumableRunner'
    config.randomness = dict(config.get('randomness') or {}, seed=run.seed)
    imports = config.get('custom_imports') or dict(imports=[])
    config.custom_imports = dict(imports, imports=sorted({*imports['imports'], 'mmghost'}))
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if base not in (None, config.train_dataloader.batch_size * launch.gpus):
        config.auto_scale_lr.enable = True
    if launch.launcher == 'pytorch' and not torch.cuda.is_available():
        config.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    if checkpoint is not None:
        config.model.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(checkpoint))
    if teacher is not None:
        config.model.teacher_ckpt = str(teacher)
    text = config.pretty_text.replace("'data/", f"'{data_root}/")
    begun = run.config_file.read_text() if run.config_file.is_file() else text
    # Another yapf lays the same config out in another way
    if ast.dump(ast.parse(begun)) != ast.dump(ast.parse(text)):
        raise ValueError(
            f'{run.work_dir} was begun with another config: remove it, or give another --work-dir.'
        )
    write_atomically(text.encode(), run.config_file)


def check_launch(launch):
    """Raise a ValueError or TypeError if mim's options do not go together."""
    check_int('gpus', launch.gpus, 1)
    if launch.launcher == 'none' and launch.gpus > 1:
        raise ValueError(f'{launch.gpus} GPUs need --launcher pytorch or slurm.')
    if launch.launcher == 'slurm' and not (launch.partition and launch.gpus_per_node):
        raise ValueError('--launcher slurm needs --partition and --gpus-per-node.')
    for name in SLURM if launch.launcher != 'slurm' else ():
        if getattr(launch, name) is not None:
            raise ValueError(f'--{name.replace("_", "-")} is for --launcher slurm.')


def launch_words(launch):
    """list[str]: mim's options that say how to start a run."""
    if launch.launcher == 'none':
        return []
    given = {name: getattr(launch, name) for name in ('launcher', 'gpus', *SLURM)}
    return [
        word
        for name, value in given.items()
        if value is not None
        for word in (f'--{name.replace("_", "-")}', str(value))
    ]


def commands(run, launch, checkpoint='CHECKPOINT'):
    """Give the words of a run's ``mim train``, which goes on by itself, and ``mim test``."""
    words = (*launch_words(launch), '--work-dir')
    # --resume without a value, which mmseg's tool does not take
    train = (*words, run.work_dir, '--resume')
    test = ('--checkpoint', checkpoint, *words, run.work_dir / 'test')
    return (
        mim_words('train', run.config, run.config_file, *train),
        mim_words('test', run.config, run.config_file, *test),
    )


def do(run, args):
    """Train a run, or go on, test it and write its result."""
    checkpoint = run.weights_of('pretrained') or args.pretrained
    teacher = run.weights_of('teacher')
    if run.data in MADE:
        MADE[run.data](find_fashion_mnist(), below(run.data, args.data_root))
    elif not Path(below(run.data, args.data_root)).is_dir():
        raise FileNotFoundError(f'{below(run.data, args.data_root)} is missing')
    begun, resumed = time.monotonic(), run.work_dir.is_dir()
    write_config(run, args.data_root, args, checkpoint, teacher)
    run_mim(commands(run, args)[0])
    log = newest(run.work_dir, '*/*.log')
    run_mim(commands(run, args, find_latest_checkpoint(run.work_dir))[1])
    environment = describe_environment()
    environment.update(threads=torch.get_num_threads(), processes=args.gpus)
    if torch.cuda.is_available():
        environment['gpu'] = torch.cuda.get_device_name()
    result = dict(
        config=run.row['config'],
        options=run.row.get('options', {}),
        pretrained=checkpoint and Path(checkpoint).name,
        **describe_code(),
        environment=environment,
        seed=run.seed,
        wall_time=None if resumed else round(time.monotonic() - begun, 1),
        metrics=_metrics(test_metrics(run.work_dir / 'test')),
        log=os.path.relpath(log, run.results.parent),
        learning_curve=learning_curve(run.work_dir),
    )
    write_atomically(f'{json.dumps(result, indent=1)}\n'.encode(), run.file)


def describe_code():
    """dict: The ``commit``, 'unknown' without git, and whether the code is ``changed`` since."""
    command = ['git', 'describe', '--always', '--abbrev=40', '--exclude=*', '--dirty']
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        found = 'unknown'
    return dict(commit=found.removesuffix('-dirty'), changed=found.endswith('-dirty'))


def _metrics(record):
    """Keep the metrics of a record; those that are not a number are None, as JSON has no NaN."""
    return {
        name: None if value != value else value
        for name, value in record.items()
        if name not in ('step', 'time', 'data_time')
    }


def learning_curve(work_dir):
    """list[dict]: ``step``, the epoch or iteration, and the metrics of each validation."""
    found = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for record in read_scalars(file):
            if 'loss' not in record:
                found[record['step']] = _metrics(record)
    return [dict(step=step, **metrics) for step, metrics in sorted(found.items())]


def reproduce(args, console):
    """Do what a command line asks for; tell whether all of it is recorded, or planned, now."""
    check_launch(args)
    runs = plan_runs(args.tables, args.rows, args.seeds, args.work_dir, args.results)
    failed = {}
    for number, run in enumerate(runs, 1):
        head = f'[{number}/{len(runs)}] {run.title}'
        if run.file.is_file():
            console.print(f'{head}: recorded in {run.file}')
            continue
        console.print(f'{head}: {"go on" if run.work_dir.is_dir() else "train"}')
        if args.dry_run:
            for words in commands(run, args):
                console.print(f'  {shlex.join(words)}')
            continue
        try:
            do(run, args)
        except (OSError, ValueError) as error:
            failed[run.title] = str(error)
            continue
        metrics = json.loads(run.file.read_text())['metrics']
        found = [f'{name} {metrics[name]}' for name, _ in METRICS.values() if name in metrics]
        console.print(f'{head}: {", ".join(found)}')
    for title, reason in failed.items():
        console.print(f'{title}: {reason}', style='red')
    if not args.dry_run:
        console.print(f'{len(runs) - len(failed)} of {len(runs)} recorded in {args.results}.')
    return not failed


def parse_args():
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    names = f'of {", ".join(read_tables())}; v2-3 is Table 3 of GhostNetV2'
    add('tables', nargs='+', metavar='TABLE', help=names)
    add('--data-root', default='data', help="what stands for the configs' data/")
    add('--rows', nargs='+', help='numbers from 1 on, or parts of names (default: all)')
    add('--seeds', nargs='+', type=int, help="default: the table's")
    weights = 'what the backbones begin with, as init_cfg'
    add('--pretrained', metavar='CHECKPOINT', help=weights)
    folder = 'where checkpoints and logs go (default: %(default)s)'
    add('--work-dir', default='work_dirs/reproduce', help=folder)
    results = "where results go (default: mmghost's research/results/)"
    add('--results', default=RESULTS, help=results)
    add('--dry-run', action='store_true', help='print what would be done')
    group = parser.add_argument_group("mim's launchers")
    group.add_argument('--launcher', choices=('none', 'pytorch', 'slurm'), default='none')
    group.add_argument('--gpus', type=int, default=1, help='processes (default: %(default)s)')
    for name in ('--gpus-per-node', '--cpus-per-task', '--partition'):
        group.add_argument(name, help="Slurm's")
    group.add_argument('--srun-args', help="further words for srun, as one: '--time=2-0'")
    return parser.parse_args()


def main():
    args = parse_args()
    console = Console(soft_wrap=True, markup=False, highlight=False)
    try:
        with one_line_errors():
            complete = reproduce(args, console)
    except KeyboardInterrupt:
        print('Stopped; the same command goes on from here.', file=sys.stderr)
        sys.exit(STOPPED)
    sys.exit(0 if complete else 1)


if __name__ == '__main__':
    main()
