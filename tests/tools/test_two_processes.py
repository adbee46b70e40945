"""tools/train.py under torchrun, in two processes on CPUs."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import ROOT
from tiny_configs import CLASSIFICATION, filled

COMMON = """
custom_imports = dict(imports=['mmghost'])
model['head']['dropout_rate'] = 0.0
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
env_cfg = dict(dist_cfg=dict(backend='gloo'))
model['backbone']['norm_eval'] = True
randomness = dict(seed=3)
"""


@pytest.fixture
def command(tmp_path, scenes, folders):
    """Give the command that trains in some processes, of some images each."""
    (tmp_path / 'config.py').write_text(filled(CLASSIFICATION, scenes, folders) + COMMON)

    def make(processes, batch_size, work_dir, *words):
        launch = ['-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={processes}']
        train = [ROOT / 'tools' / 'train.py', tmp_path / 'config.py', '--work-dir', work_dir]
        options = ['--launcher', 'pytorch', *words, '--cfg-options']
        options.append(f'train_dataloader.batch_size={batch_size}')
        return [sys.executable, '-W', 'ignore', *map(str, launch + train + options)]

    return make


def weights(folder):
    return torch.load(folder / 'epoch_1.pth', weights_only=True)['state_dict']


def test_two_of_four_follow_one_of_eight(command, tmp_path):
    """With fixed statistics: torch has no SyncBN on CPUs."""
    for name, processes, batch_size in (('two', 2, 4), ('one', 1, 8)):
        words = command(processes, batch_size, tmp_path / name)
        done = subprocess.run(words, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    found, expected = weights(tmp_path / 'two'), weights(tmp_path / 'one')
    for name, value in expected.items():
        assert torch.allclose(found[name].float(), value.float(), rtol=1e-4, atol=1e-5), name


def test_one_killed_process_ends_the_run(command, tmp_path):
    words = command(2, 4, tmp_path / 'work')
    run = subprocess.Popen(
        [*words, 'train_cfg.max_epochs=1000'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    begun = time.monotonic()
    while not list(tmp_path.glob('work/epoch_1.pth')):
        assert run.poll() is None and time.monotonic() - begun < 200
        time.sleep(0.2)
    children = Path(f'/proc/{run.pid}/task/{run.pid}/children').read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    assert run.wait(timeout=60) != 0
