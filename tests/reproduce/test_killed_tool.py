"""The whole way, mim's processes included, killed and started again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

DRIVER = """
import signal
import sys
from pathlib import Path
from mmghost.reproduce import reproduce, tables

signal.signal(signal.SIGINT, signal.default_int_handler)  # which jobs in the background ignore

tables.COMPARISON = Path('tables.yml')
sys.exit(not reproduce(['tiny'], 'configs', 'results', rows=['Half'], seeds=[0]))
"""


def start(place):
    return subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', DRIVER], cwd=place, start_new_session=True
    )


@pytest.mark.slow
@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGINT])
def test_killed_and_started_again(how, place):
    config = place / 'configs/tiny/half.py'
    config.write_text(config.read_text() + "train_cfg['max_epochs'] = 20\n")
    work = place / 'work_dirs/reproduce/half_seed0'
    process = start(place)
    begun = time.monotonic()
    while not (work / 'epoch_2.pth').exists():
        assert process.poll() is None and time.monotonic() - begun < 200
        time.sleep(0.05)
    os.killpg(process.pid, how)
    assert process.wait(30) in (-signal.SIGKILL, -signal.SIGINT)
    assert not (work / 'epoch_20.pth').exists() and not (place / 'results').exists()

    assert start(place).wait(250) == 0
    result = json.loads((place / 'results/half_seed0.json').read_text())
    assert len(result['parts']) == 2
    assert [point['step'] for point in result['learning_curve']][-1] == 20
    assert 'resumed epoch: ' in (work / 'output.txt').read_text()
