import json

import pytest
import torch
from helpers import exports
from tool_runs import run_tool

from research.benchmark import measure
from research.benchmark.forms import Mismatch, TrainingStep, check_agreement
from research.benchmark.machine import count_work, peak_memory
from research.benchmark.measure import benchmark, time_interleaved

PAIR = ['mmghost.ghostnetv2', 'timm.ghostnetv2']
CPU = torch.device('cpu')


def run(models=PAIR, forms=('eager',), sizes=((64, 64),), width=0.5, **options):
    batches = (2,) if options.get('train') else (1,)  # batch norms need more than one value
    return benchmark(models, forms, sizes, batches, width, rounds=1, **options)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr('research.benchmark.measure.measure_machine', machine)


def machine(device):
    return dict(multiply_adds=1e9, copied_bytes=1e9)


def check_results(found, expected):
    assert json.loads(json.dumps(found)) == found
    (setting,) = found['settings']
    assert [(result['model'], result['form']) for result in setting['results']] == expected
    for result in setting['results']:
        assert len(result['seconds']) == 1 and result['seconds'][0] > 0
        assert result['multiply_adds'] > 1e6 and result['bytes'] > 1e6
        assert 0 <= result['difference'] <= 1e-4
    return setting['results']


def test_inference():
    forms = ('eager', 'channels_last', 'deploy')
    found = run(forms=forms)
    expected = [(PAIR[0], form) for form in forms]
    expected += [(PAIR[1], form) for form in forms if form != 'deploy']
    check_results(found, expected)
    assert found['against'] == PAIR[1]
    assert {'processor', 'cores', 'torch', 'mmghost'} <= set(found['environment'])


@pytest.mark.parametrize('threads', [1, 2])
def test_threads(threads):
    before = torch.get_num_threads()
    assert run(models=PAIR[:1], threads=threads)['threads'] == threads
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ('models', 'forms'),
    [
        (PAIR[:1], ('eager',)),
        pytest.param(PAIR, ('eager', 'channels_last'), marks=pytest.mark.slow),
    ],
    ids=['one', 'four'],
)
def test_training(models, forms):
    found = run(models=models, forms=forms, train=True)
    expected = [(model, form) for model in models for form in forms]
    for result in check_results(found, expected):
        assert result['peak_memory'] > 1e6


@exports
@pytest.mark.slow
@pytest.mark.parametrize(
    ('form', 'package'), [('onnxruntime', 'onnxscript'), ('openvino', 'openvino')]
)
def test_other_runtimes(form, package):
    pytest.importorskip(package)
    check_results(run(forms=(form,)), [(PAIR[0], form), (PAIR[1], form)])


@pytest.mark.slow
@pytest.mark.parametrize('form', ['litert', 'compile'])
def test_forms_that_take_long_to_make(form):
    if form == 'litert':
        pytest.importorskip('litert_torch')
    check_results(run(models=PAIR[:1], forms=(form,)), [(PAIR[0], form)])


@pytest.mark.parametrize('train', [False, True])
def test_other_weights_fail_before_any_time_is_taken(monkeypatch, train):
    def build(names, width):
        models = built(names, width)
        with torch.no_grad():
            models[1].module.conv_stem.weight[0] *= 1.01
        return models

    def no_time(*_, **__):
        raise AssertionError('timed')

    built = measure.build_models
    monkeypatch.setattr('research.benchmark.measure.build_models', build)
    monkeypatch.setattr('research.benchmark.measure.time_interleaved', no_time)
    with pytest.raises(Mismatch, match='timm.ghostnetv2, eager, does not give the outputs'):
        run(train=train)


@pytest.mark.parametrize(
    'found',
    [
        [torch.tensor([1.0, 2.001])],
        [torch.tensor([1.0, float('nan')])],
        [torch.tensor([1.0])],
        [torch.tensor([1.0, 2.0])] * 2,
    ],
)
def test_disagreement(found):
    expected = [torch.tensor([1.0, 2.0])]
    assert check_agreement('x', expected, expected) == 0
    with pytest.raises(Mismatch, match='x does not give'):
        check_agreement('x', found, expected)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(forms=('fast',)), "run in eager, .*litert, not in 'fast'"),
        (dict(forms=('deploy',), train=True), "trained in eager, .*, not in 'deploy'"),
        (dict(forms=('deploy',), models=PAIR[1:]), 'timm.ghostnetv2 have no form deploy'),
        (dict(device='tpu'), "device must be cpu or cuda, but got 'tpu'"),
        (dict(threads=0), 'threads must be an integer >= 1, but got 0'),
        (dict(sizes=((0, 64),)), 'size must be an integer >= 1'),
        (dict(width=-1), 'width must be a finite number above 0'),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(**arguments)


def test_rounds_are_interleaved():
    calls = []
    functions = [lambda name=name: calls.append(name) for name in 'abc']
    times = time_interleaved(functions, 4, CPU, lead_in=0, warm_up=0)
    assert [len(seconds) for seconds in times] == [4, 4, 4]
    rounds = [calls[start : start + 3] for start in range(0, 12, 3)]
    assert all(sorted(names) == ['a', 'b', 'c'] for names in rounds)


def test_work_is_counted():
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 1, bias=False), torch.nn.ReLU())
    multiply_adds, moved = count_work(layer, torch.randn(2, 3, 4, 5))
    assert multiply_adds == 2 * 20 * 3 * 8
    assert moved == 4 * (2 * 20 * (3 + 8) + 3 * 8)


def test_peak_memory_is_that_of_what_is_kept():
    layers = [torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1), torch.nn.Sigmoid()) for _ in range(6)]
    step = TrainingStep(torch.nn.Sequential(*layers), torch.randn(4, 8, 64, 64))
    kept = 6 * 4 * 8 * 64 * 64 * 4  # each sigmoid's output
    assert kept < peak_memory(step, CPU) < 2 * kept


QUICK = ('--size', '64x96', '--width', '0.5', '--rounds', '1')


def test_command(tmp_path):
    words = (*QUICK, '--json', 'new/first-run.json')
    done = run_tool('research.benchmark', *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index('ratios of times') < done.stdout.index('images/s')
    found = json.loads((tmp_path / 'new' / 'first-run.json').read_text())
    assert found['title'] == 'first run'
    assert found['command'].startswith('python -m research.benchmark --size 64x96 --width 0.5')
    assert [(result['model'], result['form']) for result in found['settings'][0]['results']] == [
        ('mmghost.ghostnetv2', 'eager'),
        ('mmghost.ghostnetv2', 'deploy'),
        ('timm.ghostnetv2', 'eager'),
    ]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--models', 'resnet'), "error: there is no model 'resnet': give one of"),
        (('--json', 'results.txt'), 'are written to a .json file, not to results.txt'),
        (('--json', 'notes.json'), 'notes.json exists and holds no benchmark'),
        (('--size', '32'), 'timm.ghostnetv2 takes no images of 32x32 (Given input size'),
        (('--size', 'big'), "a size is such as 224 or 320x480, not 'big'"),
        (('--against', 'mobilenetv2'), 'error: against must be one of'),
    ],
)
def test_mistakes_of_the_command_are_named(tmp_path, words, message):
    (tmp_path / 'notes.json').write_text('{"width": 1}')
    failed = run_tool('research.benchmark', *QUICK, *words, cwd=tmp_path)
    assert failed.returncode != 0 and message in failed.stderr
    assert 'Traceback' not in failed.stderr
    assert (tmp_path / 'notes.json').read_text() == '{"width": 1}'
