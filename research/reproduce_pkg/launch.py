"""How a run is started: by mim, in one process, by torchrun or by Slurm."""

from typing import NamedTuple

from mmengine.config.utils import MODULE2PACKAGE

from mmghost.utils import check_int
from mmghost.utils.configs import config_scope

LAUNCHERS = ('none', 'pytorch', 'slurm')


class Launch(NamedTuple):
    """mim's options of the same names.

    Attributes:
        launcher (str): 'none' for one process, 'pytorch' for several on this machine, 'slurm'.
        gpus (int): Processes of all machines together, one a GPU.
        gpus_per_node, cpus_per_task (int | None): Of Slurm.
        partition, srun_args (str | None): Of Slurm.
    """

    launcher: str = 'none'
    gpus: int = 1
    gpus_per_node: int | None = None
    cpus_per_task: int | None = None
    partition: str | None = None
    srun_args: str | None = None

    @property
    def processes(self):
        """int: How many train together."""
        return self.gpus

    def check(self):
        """Raise a TypeError or ValueError if the options do not go together."""
        if self.launcher not in LAUNCHERS:
            raise ValueError(f'launcher must be one of {LAUNCHERS}, but got {self.launcher!r}.')
        check_int('gpus', self.gpus, 1)
        if self.launcher == 'none' and self.gpus > 1:
            raise ValueError(f'{self.gpus} GPUs need --launcher pytorch or slurm.')
        of_slurm = ('gpus_per_node', 'cpus_per_task', 'partition', 'srun_args')
        if self.launcher != 'slurm':
            for name in of_slurm:
                if getattr(self, name) is not None:
                    raise ValueError(f'--{name.replace("_", "-")} is for --launcher slurm.')
            return
        if self.partition is None or self.gpus_per_node is None:
            raise ValueError('--launcher slurm needs --partition and --gpus-per-node.')
        for name in ('gpus_per_node', 'cpus_per_task'):
            if getattr(self, name) is not None:
                check_int(name, getattr(self, name), 1)

    def words(self):
        """list[str]: The options for mim."""
        options = {} if self.launcher == 'none' else self._asdict()
        return [
            word
            for name, value in options.items()
            if value is not None
            for word in (f'--{name.replace("_", "-")}', str(value))
        ]


def train_words(config, file, work_dir, launch):
    """Give the words of ``mim train``, which goes on where an earlier run was stopped.

    Args:
        config (Config): What ``file`` holds.
        file (Path): The config file.
        work_dir (Path): Where checkpoints and logs go.
        launch (Launch): How to start it.

    Returns:
        list[str]: The words after ``mim``.
    """
    package = MODULE2PACKAGE[config_scope(config)]
    words = ['train', package, str(file), *launch.words(), '--work-dir', str(work_dir)]
    return [*words, '--resume']  # without a value, which mmseg's tool does not take


def test_words(config, file, checkpoint, work_dir, launch):
    """Give the words of ``mim test``; see :func:`train_words`."""
    package = MODULE2PACKAGE[config_scope(config)]
    words = ['test', package, str(file), '--checkpoint', str(checkpoint), *launch.words()]
    return [*words, '--work-dir', str(work_dir)]
