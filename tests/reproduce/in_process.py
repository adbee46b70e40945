"""What stands for mim's processes in the tests: the same trainings and tests in this one."""

import os
import signal
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, runner

from mmghost.reproduce import reproduce, tables
from mmghost.reproduce.run import Run, RunFailed

PROCESSES = get_context('forkserver')
PROCESSES.set_forkserver_preload(['mmpretrain.models', 'mmghost.reproduce'])

NUMBERS = count()


def train_or_test(self, words, lock, tick, hook=None):
    """Do what ``mim train`` and ``mim test`` do with these words."""
    given = dict(zip(words, words[1:]))
    config = Config.fromfile(words[2])
    config.work_dir = given['--work-dir']
    # Else two runs of the same second share a visualizer, with its folder
    config.experiment_name = f'run{next(NUMBERS)}'
    config.resume = '--resume' in words
    config.load_from = given.get('--checkpoint')
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    # What a run does for its log takes longer than these trainings
    logged, Config.pretty_text = Config.pretty_text, property(lambda self: '')
    collect, runner.collect_env = runner.collect_env, dict
    try:
        built = Runner.from_cfg(config)
        if hook is not None:
            built.register_hook(hook)
        built.train() if words[0] == 'train' else built.test()
    except Exception as error:
        raise RunFailed(f'mim {words[0]} failed: {error}') from error
    finally:
        runner.collect_env, Config.pretty_text = collect, logged
        torch.set_num_threads(threads)
        DefaultScope._instance_dict.clear()
    tick()


class Kill(Hook):
    """Kill the process in an iteration."""

    priority = 'LOWEST'

    def __init__(self, iteration):
        self.iteration = iteration

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.iter >= self.iteration:
            os.kill(os.getpid(), signal.SIGKILL)


def reproduce_and_die(folder, iteration):
    """Reproduce the first row of the tiny table in a folder, and die in an iteration."""
    os.chdir(folder)
    tables.COMPARISON = Path('tables.yml')
    Run._mim = lambda *words: train_or_test(*words, hook=Kill(iteration))
    reproduce(['tiny'], 'configs', 'results', rows=['Half'], seeds=[0])
