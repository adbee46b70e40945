import json

import pytest
import torch
from helpers import exports

from mmghost.benchmark import Mismatch, Options, benchmark, measure
from mmghost.benchmark.agreement import check_agreement
from mmghost.benchmark.floor import count_work
from mmghost.benchmark.timing import time_interleaved
from mmghost.benchmark.training import TrainingStep, peak_memory

PAIR = ['mmghost.ghostnetv2', 'timm.ghostnetv2']
CPU = torch.device('cpu')


def run(models=PAIR, forms=('eager',), sizes=((64, 64),), width=0.5, **options):
    batches = (2,) if options.get('train') else (1,)  # batch norms need more than one value
    return benchmark(models, forms, Options(rounds=1, **options), sizes, batches, width)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr('mmghost.benchmark.measure.measure_machine', machine)


def machine(device, half):
    return dict(multiply_adds=1e9, copied_bytes=1e9, half_multiply_adds=2e9)


def check_results(found, expected):
    assert json.loads(json.dumps(found)) == found
    (setting,) = found['settings']
    assert [(result['model'], result['form']) for result in setting['results']] == expected
    for result in setting['results']:
        assert len(result['seconds']) == 1 and result['seconds'][0] > 0
        assert result['multiply_adds'] > 1e6 and result['bytes'] > 1e6
        assert 0 <= result['difference'] <= (0.2 if result['form'] == 'amp' else 1e-4)
    return setting['results']


def test_inference():
    forms = ('eager', 'channels_last', 'deploy', 'amp')
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
    found = run(models=models, forms=forms, train=True, breakdown=True)
    expected = [(model, form) for model in models for form in forms]
    for result in check_results(found, expected):
        assert result['peak_memory'] > 1e6
        names = [operator['name'] for operator in result['operators']]
        assert any('convolution_backward' in name for name in names)


@exports
@pytest.mark.slow
@pytest.mark.parametrize(
    ('form', 'package'), [('onnxruntime', 'onnxscript'), ('openvino', 'openvino')]
)
def test_other_runtimes(form, package):
    pytest.importorskip(package)
    found = run(forms=(form,), breakdown=True)
    for result in check_results(found, [(PAIR[0], form), (PAIR[1], form)]):
        times = [operator['ms'] for operator in result['operators']]
        assert times == sorted(times, reverse=True) and times[0] > 0
        calls = {operator['name']: operator['calls'] for operator in result['operators']}
        assert sum(calls[name] for name in calls if 'Conv' in name) > 50


@pytest.mark.slow
@pytest.mark.parametrize('form', ['litert', 'compile'])
def test_forms_that_take_long_to_make(form):
    if form == 'litert':
        pytest.importorskip('litert_torch')
    found = run(models=PAIR[:1], forms=(form,), breakdown=True)
    (result,) = check_results(found, [(PAIR[0], form)])
    names = [operator['name'] for operator in result['operators']]
    assert form != 'litert' or 'DEPTHWISE_CONV_2D' in names


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
    monkeypatch.setattr('mmghost.benchmark.measure.build_models', build)
    monkeypatch.setattr('mmghost.benchmark.measure.time_interleaved', no_time)
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
    assert check_agreement('x', expected, expected, 1e-4) == 0
    with pytest.raises(Mismatch, match='x does not give'):
        check_agreement('x', found, expected, 1e-4)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(forms=('fast',)), "run in eager, .*litert, not in 'fast'"),
        (dict(forms=('deploy',), train=True), "trained in eager, .*, not in 'deploy'"),
        (dict(forms=('deploy',), models=PAIR[1:]), 'timm.ghostnetv2: none has the form deploy'),
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
    work = count_work(layer, torch.randn(2, 3, 4, 5))
    assert work.multiply_adds == 2 * 20 * 3 * 8
    assert work.bytes == 4 * (2 * 20 * (3 + 8) + 3 * 8)


def test_peak_memory_is_that_of_what_is_kept():
    layers = [torch.nn.Sequential(torch.nn.Conv2d(8, 8, 1), torch.nn.Sigmoid()) for _ in range(6)]
    step = TrainingStep(torch.nn.Sequential(*layers), torch.randn(4, 8, 64, 64))
    kept = 6 * 4 * 8 * 64 * 64 * 4  # each sigmoid's output
    assert kept < peak_memory(step, CPU) < 2 * kept
