import sys

import cv2
import pytest
from helpers import ROOT
from tool_runs import run_tool

from demo import __main__ as demo


def in_process(words):
    """Do what ``mim train`` and ``mim test`` do with these words."""
    given = [word for word in words[3:] if word not in ('--gpus', '0', '--checkpoint')]
    done = run_tool(f'{words[1]}.py', *given, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture
def run(tmp_path, idx_folder, monkeypatch, capfd):
    """Run a demo on little data, mim's commands in this process unless it is told otherwise."""

    def run_demo(task, epochs, mim=in_process):
        words = [
            'demo',
            *task.split(),
            '--source',
            str(idx_folder),
            '--work-dir',
            str(tmp_path / 'work'),
        ]
        words += ['--data-root', str(tmp_path / 'data'), '--train-count', '16', '--val-count', '4']
        monkeypatch.setattr(sys, 'argv', [*words, '--epochs', str(epochs)])
        monkeypatch.setattr(demo, 'run_mim', mim)
        demo.main()
        assert (tmp_path / 'work' / f'epoch_{epochs}.pth').exists()
        return capfd.readouterr().out

    return run_demo


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'rows', 'picture'),
    [
        ('det', ('AP50', 'AP of Ankle boot'), 'detections.png'),
        ('det --head rtmdet-nano', ('AP50',), 'detections.png'),
        ('seg', ('mIoU', 'aAcc'), 'masks.png'),
    ],
)
def test_demos_train_test_and_draw(task, rows, picture, run, tmp_path):
    printed = run(task, 1)
    assert all(row in printed for row in (*rows, 'checkpoint', 'log'))
    height, width, _ = cv2.imread(str(tmp_path / 'work' / picture)).shape
    assert height > 2 * 3 * 128 and width > 4 * 3 * 128


@pytest.mark.slow
def test_a_demo_runs_mim_and_goes_on(run, tmp_path):
    printed = run('cls', 1, demo.run_mim)
    for row in ('top-1 accuracy', 'top-5 accuracy', 'Epoch(test) [1/1]'):
        assert row in printed
    assert 'data: up to date' in run('cls', 2)
    logs = [log.read_text() for log in (tmp_path / 'work').glob('*/*.log')]
    assert any('resumed epoch: 1' in log for log in logs)
