"""One row with one seed: trained where it was interrupted, tested, recorded."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from mmengine.config import Config
from mmghost.benchmark.environment import describe_environment

from mmghost.compat import ONEDL
from mmghost.engine import find_whole_checkpoint, write_atomically

from . import guard
from .launch import Launch, test_words, train_words
from .logs import learning_curve, progress_of, read_test, training_log
from .parts import Parts
from .run_config import content_of, make_run_config
from .tables import Row

_PACKAGES = ('mmengine', 'mmcv', 'mmdet', 'mmsegmentation', 'mmpretrain')
_ONEDLS = ('onedl-mmengine', 'onedl-mmcv', *ONEDL.values())
_TICK = 5  # seconds
_COMMAND = '\n$ mim '
# By its file, as importing mmghost takes seconds
_GUARD = (sys.executable, '-I', guard.__file__)


class RunFailed(Exception):
    """mim ended with an error, or what it leaves is missing."""


def run_name(row, seed):
    """Name a run by its config, what the row changes in it, and the seed."""
    stem = Path(row.config.rpartition('::')[2]).stem
    changes = [f'{key.rpartition(".")[2]}={value}' for key, value in row.options.items()]
    return '_'.join([stem, *changes, f'seed{seed}']).replace(' ', '')


@dataclass(eq=False)
class Run:
    """One row with one seed.

    Attributes:
        row (Row): The row.
        seed (int): The seed.
        config (Config): The row's.
        launch (Launch): How it is started.
        work_dirs (Path): The folder of all runs' folders.
        results (Path): The folder of the results.
    """

    row: Row
    seed: int
    config: Config
    launch: Launch
    work_dirs: Path
    results: Path

    def __post_init__(self):
        self.name = run_name(self.row, self.seed)
        self.work_dir = self.work_dirs / self.name
        self.file = self.results / f'{self.name}.json'
        self.lock = self.work_dirs / f'{self.name}.lock'
        # Not in the folder, where mmengine writes a copy of the same name with the run's state
        self.run_config = self.work_dirs / f'{self.name}.py'
        self.content = content_of(self.config, self.launch.processes)

    @property
    def title(self):
        """str: For people."""
        return f'{self.row.table}, {self.row.name}, seed {self.seed}'

    def result(self):
        """dict | None: The result that is there."""
        if not self.file.is_file():
            return None
        try:
            return json.loads(self.file.read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f'{self.file} is no result: {error}.') from error

    def is_recorded(self):
        """bool: Whether the result is there, of the same content."""
        result = self.result()
        return result is not None and result.get('content') == self.content

    def is_begun(self):
        """bool: Whether there is a training to go on with, of the same content."""
        return Parts(self.work_dir).content == self.content

    def differs(self):
        """Tell what is there of other content: the result, the unfinished training, or None."""
        result = self.result()
        if result is not None and result.get('content') != self.content:
            return self.file
        begun = Parts(self.work_dir).content
        return self.work_dir if begun not in (None, self.content) else None

    def checkpoint(self):
        """Path | None: The newest whole checkpoint."""
        found = find_whole_checkpoint(self.work_dir) if self.work_dir.is_dir() else None
        return None if found is None else Path(found)

    def commands(self, checkpoint='CHECKPOINT'):
        """list[list[str]]: The words of ``mim train`` and ``mim test``."""
        return [
            train_words(self.config, self.run_config, self.work_dir, self.launch),
            test_words(
                self.config, self.run_config, checkpoint, self.work_dir / 'test', self.launch
            ),
        ]

    def do(self, data_root, code, lock, pretrained=None, say=lambda progress: None):
        """Train, or go on, test and record.

        Args:
            data_root (str | Path): Where the data is that configs have in ``data``.
            code (dict): See :func:`mmghost.reproduce.parts.describe_code`.
            lock (int): The descriptor of the run's lock.
            pretrained (Path, optional): Weights that the backbone begins with. Defaults to None.
            say (Callable): Is told how far it is.

        Returns:
            dict: The result, as written.

        Raises:
            RunFailed: If mim fails; what it printed is in ``output.txt`` of the run's folder.
        """
        self.work_dir.mkdir(parents=True, exist_ok=True)
        parts = Parts(self.work_dir)
        parts.begin(self.content, code)
        config = make_run_config(self.config, self.seed, data_root, self.launch, pretrained)
        write_atomically(config.pretty_text.encode(), self.run_config)

        def tick():
            parts.tick()
            say(progress_of(self.work_dir))

        self._mim(self.commands()[0], lock, tick)
        checkpoint = self.checkpoint()
        if checkpoint is None:
            raise RunFailed(f'{self.work_dir} has no whole checkpoint')
        say('testing')
        self._mim(self.commands(checkpoint)[1], lock, parts.tick)
        parts.tick()
        result = self._describe(parts)
        write_atomically((json.dumps(result, indent=1) + '\n').encode(), self.file)
        return result

    def _mim(self, words, lock, tick):
        output = self.work_dir / 'output.txt'
        with open(output, 'a') as file:
            print(f'{_COMMAND}{" ".join(words)}', file=file, flush=True)
            process = subprocess.Popen(
                [*_GUARD, sys.executable, '-W', 'ignore', '-m', 'mim', *words],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
            )
            with process:  # closes the pipe, which ends the guard, if this process is interrupted
                while True:
                    try:
                        code = process.wait(_TICK)
                        break
                    except subprocess.TimeoutExpired:
                        tick()
        if code:
            raise RunFailed(f'mim {words[0]} failed: {last_error(output)} ({output})')

    def _describe(self, parts):
        named = self.row.config
        log = training_log(self.work_dir)
        environment = describe_environment(
            torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        )
        environment.update(_versions((*_PACKAGES, *_ONEDLS)))
        environment.update(threads=torch.get_num_threads(), processes=self.launch.processes)
        return dict(
            config=named if '::' in named else f'configs/{named}',
            options=self.row.options,
            content=self.content,
            commit=parts.parts[-1]['commit'],
            changed=any(part['changed'] for part in parts.parts),
            environment=environment,
            seed=self.seed,
            wall_time=parts.seconds,
            parts=parts.parts,
            metrics=read_test(self.work_dir / 'test'),
            log=None if log is None else os.path.relpath(log, self.results.parent),
            learning_curve=learning_curve(self.work_dir),
        )


def _versions(packages):
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def last_error(output):
    """Give the last line of mim's last command that names an error, or else its last line.

    Args:
        output (Path): What mim's commands printed.

    Returns:
        str: The line; '' if there is none.
    """
    _, _, printed = output.read_text(errors='replace').rpartition(_COMMAND)
    lines = [line.strip() for line in printed.splitlines()[1:]]
    lines = [line for line in lines if line and 'CalledProcessError' not in line]
    errors = [line for line in lines if 'Error' in line.partition(':')[0]]
    return (errors or lines or [''])[-1]
