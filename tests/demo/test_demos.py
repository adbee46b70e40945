import subprocess
import sys

import cv2
import pytest
from helpers import ROOT


def run_demo(folder, idx_folder, epochs, task='det'):
    command = [sys.executable, '-W', 'ignore', '-m', 'demo', task, '--source', str(idx_folder)]
    command += ['--work-dir', str(folder / 'work'), '--data-root', str(folder / 'data')]
    command += ['--train-count', '16', '--val-count', '4', '--epochs', str(epochs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.slow
def test_demo_trains_tests_draws_and_goes_on(tmp_path, idx_folder):
    printed = run_demo(tmp_path, idx_folder, epochs=1)
    for row in ('AP50', 'AP of Ankle boot', 'training, images a second', 'checkpoint'):
        assert row in printed
    picture = cv2.imread(str(tmp_path / 'work' / 'detections.png'))
    assert picture.shape[0] > 2 * 3 * 128 and picture.shape[1] > 4 * 3 * 128
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()

    printed = run_demo(tmp_path, idx_folder, epochs=2)
    assert 'data: up to date' in printed
    assert 'resumed epoch: 1' in printed
    assert (tmp_path / 'work' / 'epoch_2.pth').exists()


@pytest.mark.slow
def test_segmentation_demo_trains_tests_and_draws(tmp_path, idx_folder):
    printed = run_demo(tmp_path, idx_folder, epochs=1, task='seg')
    for row in ('mIoU', 'aAcc', 'training, images a second', 'checkpoint'):
        assert row in printed
    picture = cv2.imread(str(tmp_path / 'work' / 'masks.png'))
    assert picture.shape[0] > 2 * 3 * 128 and picture.shape[1] > 4 * 3 * 128
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()


@pytest.mark.slow
def test_classification_demo_trains_and_tests(tmp_path, idx_folder):
    printed = run_demo(tmp_path, idx_folder, epochs=1, task='cls')
    assert 'Epoch(test) [1/1]' in printed  # the 20 test articles are one batch
    for row in ('top-1 accuracy', 'top-5 accuracy', 'testing, images a second', 'checkpoint'):
        assert row in printed
    assert (tmp_path / 'data' / 'train-images-idx3-ubyte').exists()
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()
