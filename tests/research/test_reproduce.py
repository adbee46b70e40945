import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from tiny_configs import CLASSIFICATION, filled
from tool_runs import run_tool

from research import reproduce
from research.reproduce import Run, choose_rows, read_tables, run_name, write_config

TABLE = """
- table: tiny
  seeds: [0, 1]
  rows:
    - {name: Half, config: PLACE/half.py}
    - {name: Broken, config: PLACE/broken.py}
    - {name: Narrow, config: PLACE/half.py, options: {model.backbone.base_channels: 2,
       model.head.in_channels: 16}}
    - {name: Pretrained, config: PLACE/pretrained.py, pretrained: PLACE/half.py}
    - {name: Taught, config: PLACE/taught.py, teacher: PLACE/half.py}
    - {name: Away, config: PLACE/away.py}
"""
SMALLER = """
default_hooks['checkpoint'].pop('save_best')
model['backbone'] = dict(type='ResNet_CIFAR', depth=18, stem_channels=4, base_channels=4)
model['head'] = dict(
    type='LinearClsHead', num_classes=10, in_channels=32, loss=dict(type='CrossEntropyLoss'),
    topk=(1, 5))
"""
COCO = 'configs/detection/yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'
# The tables of the tests, in a process of its own
DRIVER = """
import sys
from pathlib import Path
from research import reproduce
reproduce.COMPARISON = Path('tables.yml')
reproduce.main()
"""


def options(*words):
    sys.argv[1:] = words
    return reproduce.parse_args()


@pytest.fixture
def place(tmp_path, scenes, folders, monkeypatch):
    """A folder with a table of tiny configs."""
    text = filled(CLASSIFICATION, scenes, folders) + SMALLER
    for name, more in (
        ('half', ''),
        ('broken', "model['neck']['type'] = 'NoSuchNeck'\n"),
        ('pretrained', ''),
        (
            'taught',
            "model['type'] = 'mmghost.DistilledClassifier'\nmodel['teacher_config'] = 'half.py'\n",
        ),
        ('away', "train_dataloader['dataset']['data_root'] = 'data/coco'\n"),
    ):
        (tmp_path / f'{name}.py').write_text(text + more)
    (tmp_path / 'tables.yml').write_text(TABLE.replace('PLACE', str(tmp_path)))
    monkeypatch.setattr(reproduce, 'COMPARISON', tmp_path / 'tables.yml')
    monkeypatch.setattr(sys, 'argv', ['reproduce'])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_process(words):
    """Do what ``mim train`` and ``mim test`` do with these words."""
    given = [word for word in words[3:] if word != '--checkpoint']
    done = run_tool(f'{words[1]}.py', *given, cwd='.')
    if done.returncode:
        raise ChildProcessError(f'mim train ended: {done.stderr[-500:]}')


@pytest.fixture
def run_tiny(place, monkeypatch, capsys):
    """Reproduce rows of the tiny table, mim's commands in this process."""
    monkeypatch.setattr(reproduce, 'run_mim', in_process)

    def run(*rows, more=()):
        words = ('tiny', '--rows', *rows, '--seeds', '0', '--results', 'results', *more)
        monkeypatch.setattr(sys, 'argv', ['reproduce', *words])
        with pytest.raises(SystemExit) as end:
            reproduce.main()
        return end.value.code, capsys.readouterr().out

    return run


def read(place, name='half_seed0'):
    return json.loads((place / 'results' / f'{name}.json').read_text())


def test_a_row_is_trained_tested_and_recorded_once(run_tiny, place):
    code, said = run_tiny('Half')
    assert code == 0 and 'tiny, Half, seed 0: accuracy/top1' in said
    result = read(place)
    assert result['config'].endswith('half.py') and result['options'] == {}
    assert result['pretrained'] is None
    assert re.fullmatch('[0-9a-f]{40}|unknown', result['commit'])
    assert set(result['metrics']) == {'accuracy/top1', 'accuracy/top5'}
    (point,) = result['learning_curve']
    assert point == dict(step=1, **result['metrics'])
    config = Config.fromfile(place / 'work_dirs/reproduce/half_seed0/config/half_seed0.py')
    assert config.randomness.seed == 0 and result['wall_time'] > 0
    assert {'processor', 'threads', MODULE2PACKAGE['mmpretrain']} <= set(result['environment'])
    assert (place / result['log']).is_file()

    before = (place / 'results/half_seed0.json').read_bytes()
    code, said = run_tiny('Half')
    assert code == 0 and 'recorded in results/half_seed0.json' in said
    assert (place / 'results/half_seed0.json').read_bytes() == before


def test_a_row_that_fails_does_not_lose_the_others(run_tiny, place):
    code, said = run_tiny('Broken', 'Narrow', 'Away')
    assert code == 1 and 'tiny, Broken, seed 0: mim train ended' in said and 'NoSuchNeck' in said
    assert 'tiny, Away, seed 0: data/coco is missing' in said
    assert '1 of 3 recorded in results.' in said
    name = 'half_base_channels=2_in_channels=16_seed0'
    assert [path.stem for path in (place / 'results').iterdir()] == [name]
    assert read(place, name)['options']['model.backbone.base_channels'] == 2


def test_weights_of_another_row_and_of_a_file(run_tiny, place):
    code, said = run_tiny('Pretrained')
    assert code == 1 and 'half_seed0 has not ended, whose weights this begins with' in said
    torch.save({}, place / 'mine.pth')
    code, said = run_tiny('Half', 'Pretrained', 'Taught', more=['--pretrained', 'mine.pth'])
    assert code == 0 and read(place)['pretrained'] == 'mine.pth'
    assert read(place, 'pretrained_seed0')['pretrained'] == 'epoch_1.pth'
    config = (place / 'work_dirs/reproduce/pretrained_seed0/config/pretrained_seed0.py').read_text()
    assert "/reproduce/half_seed0/epoch_1.pth'" in config
    config = (place / 'work_dirs/reproduce/taught_seed0/config/taught_seed0.py').read_text()
    assert re.search(r"teacher_ckpt=\s*'.*/half_seed0/epoch_1.pth'", config)
    assert read(place, 'taught_seed0')['metrics']


def test_dry_run_does_nothing(run_tiny, place):
    before = sorted(place.iterdir())
    code, said = run_tiny('Half', 'Away', more=['--dry-run'])
    package = MODULE2PACKAGE['mmpretrain']
    assert code == 0 and '[2/2] tiny, Away, seed 0: train' in said
    assert f'mim train {package} work_dirs/reproduce/half_seed0/config/half_seed0.py' in said
    assert f'mim test {package}' in said and sorted(place.iterdir()) == before


@pytest.mark.slow
def test_killed_and_started_again(run_tiny, place):
    """Mim's process is killed, the rest is done in this one: it ends as if it had not been."""
    config = place / 'half.py'
    config.write_text(config.read_text() + "train_cfg['max_epochs'] = 12\n")
    words = ('tiny', '--rows', 'Half', '--seeds', '0', '--results', 'results')
    command = [sys.executable, '-W', 'ignore', '-c', DRIVER, *words]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    process = subprocess.Popen(command, cwd=place, env=environment, start_new_session=True)
    begun, work = time.monotonic(), place / 'work_dirs/reproduce/half_seed0'
    while not (work / 'epoch_2.pth').exists():
        assert process.poll() is None and time.monotonic() - begun < 200
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (work / 'epoch_12.pth').exists() and not (place / 'results').exists()
    code, said = run_tiny('Half')
    assert code == 0 and 'seed 0: go on' in said
    killed = read(place)
    (place / 'results/half_seed0.json').unlink()
    code, _ = run_tiny('Half', more=['--work-dir', 'whole'])
    whole = read(place)
    assert code == 0 and killed['wall_time'] is None and whole['wall_time'] > 0
    # The kill may have cut a validation off
    curve = whole['learning_curve']
    assert len(curve) == 12 and killed['learning_curve'][-1] == curve[-1]
    assert all(point in curve for point in killed['learning_curve'])
    found, expected = (
        torch.load(folder / 'epoch_12.pth', weights_only=False)['state_dict']
        for folder in (work, place / 'whole/half_seed0')
    )
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_tables_have_rows_whose_runs_have_names_of_their_own():
    tables, named = read_tables(), {}
    assert len(tables) == 27
    for table in tables.values():
        for row in table['rows']:
            key = row['config'], row.get('options', {})
            assert named.setdefault(run_name(*key, 0), key) == key
    chosen = choose_rows(tables['v2-3']['rows'], ['ghostnetv2', '1'])
    assert [tables['v2-3']['rows'].index(row) for row in chosen] == [0, 2, 5]


def test_run_config_has_the_data_elsewhere_and_goes_on_exactly(tmp_path):
    run = Run('v2-3', dict(name='a', config=COCO), 7, tmp_path, tmp_path)

    def written(gpus, *checkpoint):
        launch = options('v2-3', '--launcher', 'pytorch', '--gpus', gpus)
        write_config(run, '/data', launch, *checkpoint)
        return Config.fromfile(run.config_file)

    found = written('4', 'weights.pth')
    assert found.train_dataloader.dataset.dataset.data_root == '/data/coco/'
    assert found.val_evaluator.ann_file == '/data/coco/annotations/instances_val2017.json'
    assert found.runner_type == 'mmghost.ResumableRunner'
    assert found.randomness.seed == 7 and found.custom_imports.imports == ['mmghost']
    assert found.auto_scale_lr.enable  # 4 of 24 are not the 192 of the config
    assert found.model.backbone.init_cfg == dict(type='Pretrained', checkpoint='weights.pth')
    with pytest.raises(ValueError, match='was begun with another config: remove it'):
        written('8')
    run.config_file.unlink()
    assert not written('8').auto_scale_lr.get('enable') and run.data == 'data/coco'


def test_launchers():
    words = ('--launcher', 'slurm', '--gpus', '16', '--gpus-per-node', '8', '--partition', 'gpu')
    slurm = options('v2-3', *words, '--srun-args=--time=2-0')
    assert reproduce.launch_words(slurm) == [*words, '--srun-args', '--time=2-0']
    assert reproduce.launch_words(options('v2-3')) == []


def test_documented_commands_are_understood():
    text = (ROOT / 'docs' / 'reproduce.md').read_text()
    commands = re.findall(r'^python -m research.reproduce (.*)$', text, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        args = options(*shlex.split(command))
        for table in args.tables:
            assert choose_rows(read_tables()[table]['rows'], args.rows)
