"""Trainings in processes that may be killed, forked from one that has imported everything."""

import gc
import os
import signal
from multiprocessing import get_context
from pathlib import Path

PROCESSES = get_context('forkserver')
PROCESSES.set_forkserver_preload(['mmdet.models', 'mmseg.models', 'mmpretrain.models', 'mmghost'])


def run(folder, options=None, kill_at=None, kill_in_write=None, seconds=None, resume=False):
    """Train folder/config.py; return how the process ended.

    Args:
        folder (Path): Where the config is and ``work`` and ``output.txt`` go.
        options (dict): Overrides of the config.
        kill_at (tuple[int, str]): The iteration, and the method of a hook in which the process
            kills itself.
        kill_in_write (int): The checkpoint in whose writing the process kills itself.
        seconds (float): When it is killed from outside.
        resume (bool): Go on with an earlier run.
    """
    process = PROCESSES.Process(
        target=_train, args=(str(folder), options or {}, kill_at, kill_in_write, resume)
    )
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def _kill():
    os.kill(os.getpid(), signal.SIGKILL)


def _train(folder, options, kill_at, kill_in_write, resume):
    output = os.open(Path(folder) / 'output.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    import torch
    from mmengine.config import Config
    from mmengine.hooks import Hook
    from mmengine.registry import RUNNERS
    from mmengine.runner import runner

    torch.set_num_threads(1)
    gc.freeze()
    # What a run does for its log takes longer than these trainings
    Config.pretty_text = property(lambda self: '')
    runner.collect_env = dict
    config = Config.fromfile(Path(folder) / 'config.py')
    config.merge_from_dict(dict(options, work_dir=str(Path(folder) / 'work'), resume=resume))
    training = RUNNERS.build(config)
    if kill_at is not None:
        iteration, method = kill_at

        class Kill(Hook):
            priority = 'LOWEST'

        def kill(self, runner, *args, **kwargs):
            if runner.iter >= iteration:
                _kill()

        setattr(Kill, method, kill)
        training.register_hook(Kill())
    if kill_in_write is not None:
        written = []
        sync = os.fsync

        def sync_or_kill(handle):
            written.append(handle)
            if len(written) == 2 * kill_in_write - 1:  # the file and its folder are synchronised
                _kill()
            sync(handle)

        os.fsync = sync_or_kill
    training.train()
