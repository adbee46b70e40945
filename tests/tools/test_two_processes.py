"""Two processes on CPUs, through tools/train.py and test.py under torchrun, and mim."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.fileio import load
from mmengine.registry import MODELS, init_default_scope
from tiny_configs import CLASSIFICATION, DETECTION, filled

pytestmark = pytest.mark.slow

COMMON = """
runner_type = 'mmghost.ResumableRunner'
env_cfg = dict(dist_cfg=dict(backend='gloo'))
randomness = dict(seed=3)
"""
# Norms that keep their statistics, as those of two batches of four are not those of one of eight
FOLLOWING = """
model['backbone']['norm_eval'] = True
model['head']['dropout_rate'] = 0.0
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
param_scheduler = []
train_cfg['max_epochs'] = 2
train_dataloader['dataset']['indices'] = 8
sync_bn = 'torch'
load_from = 'start.pth'
"""


def run(words, cwd, **variables):
    command = [sys.executable, '-W', 'ignore', *map(str, words)]
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=280,
        env={**os.environ, 'OMP_NUM_THREADS': '1', **variables},
    )
    assert done.returncode == 0, errors_of(done)
    return done.stdout + done.stderr


def errors_of(done):
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if 'rror' in line][:20] or lines[-40:]


def torchrun(processes, tool, *words):
    launch = ('-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={processes}')
    return (*launch, ROOT / 'tools' / f'{tool}.py', *words, '--launcher', 'pytorch')


@pytest.fixture(scope='module')
def folder(tmp_path_factory, scenes, folders):
    """The config, and the runs of two processes and of one."""
    folder = tmp_path_factory.mktemp('runs')
    config = folder / 'config.py'
    config.write_text(filled(CLASSIFICATION, scenes, folders) + COMMON + FOLLOWING)
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(config).model)
    torch.save(model.state_dict(), folder / 'start.pth')
    for name, processes, batch_size in (('two', 2, 4), ('one', 1, 8)):
        words = torchrun(processes, 'train', 'config.py', '--work-dir', name)
        run((*words, '--cfg-options', f'train_dataloader.batch_size={batch_size}'), folder)
    return folder


def weights(work_dir, epoch=2):
    return torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)['state_dict']


def test_two_of_four_follow_one_of_eight(folder):
    """To 1 % of what the first iteration changed; rounding grows from one to the next."""
    start = torch.load(folder / 'start.pth', weights_only=True)
    found, expected = weights(folder / 'two', epoch=1), weights(folder / 'one', epoch=1)
    assert found.keys() == expected.keys()
    for part in ('weight', 'bias'):
        names = [name for name in start if name.endswith(part)]
        off, change = (
            torch.cat([(state[name] - expected[name]).flatten() for name in names]).norm()
            for state in (found, start)
        )
        assert off < 0.01 * change, part


def test_one_killed_process_ends_the_run(folder):
    words = torchrun(2, 'train', 'config.py', '--work-dir', 'killed')
    run = subprocess.Popen(
        [sys.executable, *map(str, words), '--cfg-options', 'train_cfg.max_epochs=1000'],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    begun = time.monotonic()
    while not (folder / 'killed' / 'epoch_1.pth').exists():
        assert run.poll() is None and time.monotonic() - begun < 200
        time.sleep(0.2)
    children = Path(f'/proc/{run.pid}/task/{run.pid}/children').read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    assert run.wait(timeout=60) != 0


def test_mim_trains_and_resumes(folder):
    words = ('-m', 'mim', 'train', MODULE2PACKAGE['mmpretrain'], 'config.py', '--work-dir', 'mim')
    words = (*words, '--launcher', 'pytorch', '--gpus', '2')
    run((*words, '--cfg-options', 'train_cfg.max_epochs=1'), folder)
    run((*words, '--resume'), folder)
    found, expected = weights(folder / 'mim'), weights(folder / 'two')
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def detections(folder, processes, checkpoint):
    """Give the metrics, and all boxes: an untrained detector's metrics alone would say little."""
    name = f'tested-{processes}'
    words = ('config.py', checkpoint, '--work-dir', name, '--out', 'found.pkl')
    run(torchrun(processes, 'test', *words, '--cfg-options', 'model.test_cfg.score_thr=0'), folder)
    metrics = json.loads(next((folder / name).glob('*/*.json')).read_text())
    boxes = [found['pred_instances'] for found in load(folder / 'found.pkl')]
    assert len(boxes) == 3 and all(len(found['scores']) for found in boxes)
    metrics = {key: value for key, value in metrics.items() if 'time' not in key}
    return metrics, [{key: value.tolist() for key, value in found.items()} for found in boxes]


def test_two_processes_measure_what_one_does(tmp_path, scenes, folders):
    """Of three images, so that one process has one more than the other."""
    text = filled(DETECTION, scenes, folders) + COMMON
    (tmp_path / 'config.py').write_text(text + "test_dataloader['dataset']['indices'] = 3\n")
    run((ROOT / 'tools' / 'train.py', 'config.py', '--work-dir', 'trained'), tmp_path)
    checkpoint = next((tmp_path / 'trained').glob('*_*.pth'))
    one, two = (detections(tmp_path, processes, checkpoint) for processes in (1, 2))
    assert one == two
