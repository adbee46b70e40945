import json
import re
import signal
import subprocess
from io import StringIO

import pytest
from in_process import PROCESSES, reproduce_and_die
from mmengine.config.utils import MODULE2PACKAGE
from rich.console import Console

from mmghost.reproduce import DataError, reproduce
from mmghost.reproduce.lock import locked
from mmghost.reproduce.run import Run, last_error

HALF = 'results/half_seed0.json'


def read(place, name=HALF):
    return json.loads((place / name).read_text())


@pytest.fixture
def printed():
    console = Console(record=True, width=200, file=StringIO())
    return console, console.export_text


def test_a_row_is_trained_tested_and_recorded(run_tiny, place):
    for words in (['init'], ['add', '.'], ['commit', '-m', 'all']):
        identity = ['-c', 'user.name=a', '-c', 'user.email=a@b']
        subprocess.run(['git', *identity, *words], check=True, capture_output=True)
    assert run_tiny('Half')
    result = read(place)
    assert result['config'] == 'configs/tiny/half.py' and result['options'] == {}
    head = subprocess.run(['git', 'rev-parse', 'HEAD'], capture_output=True, text=True)
    assert result['commit'] == head.stdout.strip() and result['changed'] is False
    assert set(result['metrics']) == {'accuracy/top1', 'accuracy/top5'}
    (point,) = result['learning_curve']
    assert point == dict(step=1, **result['metrics'])
    assert result['seed'] == 0 and 'seed = 0' not in (place / 'configs/tiny/half.py').read_text()
    config = (place / 'work_dirs/reproduce/half_seed0.py').read_text()
    assert re.search(r'randomness = dict\(.*seed=0', config)
    assert 0 < result['wall_time'] == result['parts'][0]['seconds']
    told = result['environment']
    assert {'processor', 'threads', 'torch', MODULE2PACKAGE['mmpretrain']} <= set(told)
    assert (place / result['log']).is_file() and not result['log'].startswith('/')


def test_a_result_is_reused_and_never_overwritten_silently(run_tiny, place, printed):
    console, text = printed
    assert run_tiny('Half')
    before = (place / HALF).read_bytes()
    assert run_tiny('Half', console=console)
    assert f'reused from {HALF}' in text() and (place / HALF).read_bytes() == before

    config = place / 'configs/tiny/half.py'
    config.write_text(config.read_text() + 'train_dataloader["batch_size"] = 8\n')
    with pytest.raises(ValueError, match='half_seed0.json was made with other content'):
        run_tiny('Half')
    assert (place / HALF).read_bytes() == before
    assert run_tiny('Half', overwrite=True)
    assert read(place)['content'] != json.loads(before)['content']


def test_main_metrics_are_told(run_tiny, place, printed):
    console, text = printed
    assert run_tiny('Half')
    metrics = {'coco/shoe_precision': 0.1, 'coco/bbox_mAP_50': 0.5, 'coco/bbox_mAP': 0.25}
    (place / HALF).write_text(json.dumps(dict(read(place), metrics=metrics)))
    assert run_tiny('Half', console=console)
    assert 'seed 0: coco/bbox_mAP 0.25, coco/bbox_mAP_50 0.5; reused' in text()


def test_an_unfinished_training_of_other_content_is_refused(run_tiny, place, monkeypatch):
    monkeypatch.setattr(Run, 'checkpoint', lambda self: None)
    assert not run_tiny('Half')
    config = place / 'configs/tiny/half.py'
    config.write_text(config.read_text() + 'train_dataloader["batch_size"] = 8\n')
    with pytest.raises(ValueError, match='reproduce/half_seed0 was made with other content'):
        run_tiny('Half')


def test_one_failed_row_does_not_lose_the_others(run_tiny, place, printed):
    console, text = printed
    assert not run_tiny('Broken', 'Narrow', console=console)
    assert not (place / 'results/broken_seed0.json').exists()
    name = 'results/half_base_channels=2_in_channels=16_seed0.json'
    assert read(place, name)['options'] == {
        'model.backbone.base_channels': 2,
        'model.head.in_channels': 16,
    }
    said = text()
    assert 'tiny, Broken, seed 0: mim train failed' in said
    assert 'NoSuchNeck' in said
    assert '1 of 2 recorded in results, 1 not done.' in said


def test_a_row_that_another_process_trains_is_left_to_it(run_tiny, place, printed):
    console, text = printed
    with locked(place / 'work_dirs/reproduce/half_seed0.lock'):
        assert not run_tiny('Half', console=console)
    assert 'half_seed0.lock is held by another process' in text()
    assert not (place / 'results').exists()


def test_weights_of_another_row(run_tiny, place):
    with pytest.raises(ValueError, match='the weights of half_seed0, which has not been trained'):
        run_tiny('Pretrained')
    assert run_tiny('Half', 'Pretrained')
    config = (place / 'work_dirs/reproduce/pretrained_seed0.py').read_text()
    assert "/reproduce/half_seed0/epoch_1.pth'" in config
    (place / 'work_dirs/reproduce/half_seed0/epoch_1.pth').unlink()
    assert run_tiny('Half', 'Pretrained')  # both are recorded, which needs no weights
    (place / 'results/pretrained_seed0.json').unlink()
    with pytest.raises(ValueError, match='no longer in work_dirs/reproduce/half_seed0'):
        run_tiny('Pretrained')


def test_a_killed_training_goes_on_and_ends_the_same(run_tiny, place):
    process = PROCESSES.Process(target=reproduce_and_die, args=(str(place), 12))
    config = place / 'configs/tiny/half.py'
    config.write_text(config.read_text() + "train_cfg['max_epochs'] = 2\n")
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and not (place / 'results').exists()
    assert run_tiny('Half')
    result = read(place)
    assert [point['step'] for point in result['learning_curve']] == [1, 2]
    first, second = result['parts']
    assert result['wall_time'] == pytest.approx(first['seconds'] + second['seconds'])

    (place / HALF).rename(place / 'interrupted.json')
    (place / 'work_dirs').rename(place / 'interrupted')
    assert run_tiny('Half')
    whole = read(place)
    assert len(whole['parts']) == 1
    for key in ('metrics', 'learning_curve', 'content'):
        assert whole[key] == result[key]


def test_dry_run_does_nothing(place, printed):
    console, text = printed
    assert reproduce(['tiny'], 'configs', 'results', rows=['1'], dry_run=True, console=console)
    said, package = text(), MODULE2PACKAGE['mmpretrain']
    for words in (
        f'mim train {package} work_dirs/reproduce/half_seed1.py',
        f'mim test {package} work_dirs/reproduce/half_seed0.py --checkpoint',
        '2 to do, one after the other about',
    ):
        assert words in said
    assert sorted(path.name for path in place.iterdir()) == ['configs', 'tables.yml']


def test_without_data_there_is_a_plan_only(place, printed):
    config = place / 'configs/tiny/half.py'
    config.write_text(config.read_text() + "train_dataloader['dataset']['data_root'] = 'data/coco'")
    console, text = printed
    assert reproduce(['tiny'], 'configs', 'results', rows=['1'], dry_run=True, console=console)
    said = text()
    assert 'COCO 2017 belongs in data/coco' in said and 'get its data' in said
    assert 'mim train' in said and '2 to do' in said
    with pytest.raises(DataError, match='COCO 2017 belongs in data/coco'):
        reproduce(['tiny'], 'configs', 'results', rows=['1'])
    assert sorted(path.name for path in place.iterdir()) == ['configs', 'tables.yml']


@pytest.mark.parametrize(
    ('printed', 'said'),
    [
        ('Traceback\nKeyError: "x"\nsubprocess.CalledProcessError: 1\n', 'KeyError: "x"'),
        ('Epoch(train) [1]\n', 'Epoch(train) [1]'),
        ('', ''),
    ],
)
def test_last_error_is_of_the_last_command(printed, said, tmp_path):
    output = tmp_path / 'output.txt'
    output.write_text(f'\n$ mim train\nOSError: an earlier one\n\n$ mim train a\n{printed}')
    assert last_error(output) == said
