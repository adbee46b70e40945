import subprocess
import sys

import cv2
import pytest
from helpers import ROOT


def run_demo(folder, idx_folder, epochs, task):
    command = [sys.executable, '-W', 'ignore', '-m', 'demo', task, '--source', str(idx_folder)]
    command += ['--work-dir', str(folder / 'work'), '--data-root', str(folder / 'data')]
    command += ['--train-count', '16', '--val-count', '4', '--epochs', str(epochs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'rows', 'picture'),
    [
        ('det', ('AP50', 'AP of Ankle boot'), 'detections.png'),
        ('seg', ('mIoU', 'aAcc'), 'masks.png'),
        ('cls', ('top-1 accuracy', 'top-5 accuracy', 'Epoch(test) [1/1]'), None),
    ],
)
def test_demo_trains_tests_draws_and_goes_on(task, rows, picture, tmp_path, idx_folder):
    printed = run_demo(tmp_path, idx_folder, 1, task)
    for row in (*rows, 'training, images a second', 'testing, images a second', 'checkpoint'):
        assert row in printed
    if picture:
        height, width, _ = cv2.imread(str(tmp_path / 'work' / picture)).shape
        assert height > 2 * 3 * 128 and width > 4 * 3 * 128
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()
    printed = run_demo(tmp_path, idx_folder, 2, task)
    assert 'data: up to date' in printed and 'resumed epoch: 1' in printed
    assert (tmp_path / 'work' / 'epoch_2.pth').exists()
