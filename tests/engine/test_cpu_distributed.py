"""Two processes on CPUs, started as a user starts them."""

import subprocess
import sys

import pytest
from helpers import CONFIGS
from mmengine.config.utils import MODULE2PACKAGE

import mmghost  # noqa: F401, of which MODULE2PACKAGE has the names that are installed

CONFIG = CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py'


def train(scenes, work_dir, *options):
    annotations = scenes / 'annotations' / 'instances_validation.json'
    command = [
        *(sys.executable, '-W', 'ignore', '-m', 'mim', 'train', MODULE2PACKAGE['mmdet'], CONFIG),
        *('--launcher', 'pytorch', '--gpus', '2', '--work-dir', work_dir, '--cfg-options'),
        *(f'{loader}_dataloader.dataset.data_root={scenes}' for loader in ('train', 'val', 'test')),
        *(f'{split}_evaluator.ann_file={annotations}' for split in ('val', 'test')),
        *(
            'train_dataloader.batch_size=2',
            'train_cfg.max_epochs=1',
            'train_dataloader.num_workers=0',
        ),
        *('train_dataloader.persistent_workers=False', 'default_hooks.logger.interval=1', *options),
    ]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=scenes)


@pytest.mark.slow
def test_two_processes_train_and_validate(scenes, tmp_path):
    done = train(scenes, tmp_path, 'env_cfg.dist_cfg.backend=gloo')
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-2000:]
    assert 'Distributed training: True' in output
    assert 'Epoch(train) [1][2/2]' in output  # 8 scenes: 2 processes, 2 iterations of 2 each
    assert 'Epoch(val) [1][1/1]' in output
    assert (tmp_path / 'epoch_1.pth').exists()


def test_a_backend_for_gpus_is_refused_by_name(scenes, tmp_path):
    done = train(scenes, tmp_path)
    assert done.returncode != 0
    assert 'env_cfg.dist_cfg.backend=gloo to use CPUs' in done.stdout + done.stderr
