import json

import pytest
import torch
from helpers import exports
from tool_runs import run_tool
from torch import nn

from mmghost.layers import GhostModule
from research.benchmark import measure
from research.benchmark.forms import Mismatch, TrainingStep, check_agreement
from research.benchmark.machine import count_work, peak_memory
from research.benchmark.measure import benchmark, time_interleaved
from research.benchmark.networks import NETWORKS

PAIR = ['mmghost.tiny', 'timm.tiny']
CPU = torch.device('cpu')
QUICK = ('--size', '64x96', '--width', '0.5', '--rounds', '1')


class Tiny(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first, self.second = GhostModule(3, 8, stride=2), GhostModule(8, 6)

    def forward(self, x):
        first = self.first(x)
        return first, self.second(first)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Networks as small as can be, on a machine whose rates are known."""
    rates = dict(multiply_adds=1e9, copied_bytes=1e9)
    monkeypatch.setattr(measure, 'measure_machine', lambda device: rates)
    for name in PAIR:
        monkeypatch.setitem(NETWORKS, name, Tiny)


def run(models=PAIR, forms=('eager',), sizes=((32, 32),), **options):
    batches = (2,) if options.get('train') else (1,)  # batch norms need more than one value
    return benchmark(models, forms, sizes, batches, rounds=1, **options)


def check_results(found, expected):
    assert json.loads(json.dumps(found)) is not None
    (setting,) = found['settings']
    assert [(result['model'], result['form']) for result in setting['results']] == expected
    for result in setting['results']:
        assert len(result['seconds']) == 1 and result['seconds'][0] > 0
        assert result['multiply_adds'] > 1e4 and result['bytes'] > 1e4
        assert 0 <= result['difference'] <= 1e-4
    return setting['results']


def test_inference():
    torch.set_num_threads(2)
    forms = ('eager', 'channels_last', 'deploy')
    try:
        found = run(forms=forms, breakdown=True)
        assert torch.get_num_threads() == 2 and found['threads'] == 1
    finally:
        torch.set_num_threads(1)
    ours = [(PAIR[0], form) for form in forms]
    for result in check_results(found, [*ours, (PAIR[1], 'eager'), (PAIR[1], 'channels_last')]):
        operators = {name: calls for name, calls, _ in result['operators']}
        convolutions = sum(count for name, count in operators.items() if 'conv' in name)
        assert convolutions >= 4
        assert ('aten::native_batch_norm' in operators) == (result['form'] != 'deploy')
    assert found['against'] == PAIR[1]
    assert {'processor', 'cores', 'torch', 'mmghost'} <= set(found['environment'])


def test_training():
    forms = ('eager', 'channels_last')
    expected = [(model, form) for model in PAIR for form in forms]
    for result in check_results(run(forms=forms, train=True), expected):
        assert result['peak_memory'] > 1e4


@exports
@pytest.mark.slow
@pytest.mark.parametrize(
    ('form', 'package', 'operator'),
    [
        ('onnxruntime', 'onnxscript', 'Conv'),
        ('openvino', 'openvino', 'GroupConvolution'),
        ('litert', 'litert_torch', None),
        ('compile', 'torch', None),
    ],
)
def test_forms_that_take_long_to_make(form, package, operator):
    pytest.importorskip(package)
    models = ['mmghost.ghostnetv2', 'timm.ghostnetv2']
    found = run(models, (form,), ((64, 64),), width=0.5, breakdown=operator is not None)
    for result in check_results(found, [(model, form) for model in models]):
        assert operator is None or operator in [name for name, *_ in result['operators']]


@pytest.mark.parametrize('train', [False, True])
def test_other_weights_fail_before_any_time_is_taken(monkeypatch, train):
    def build(names, width):
        models = built(names, width)
        with torch.no_grad():
            models[1].module.first.primary_conv.conv.weight[0] *= 1.01
        return models

    def no_time(*_, **__):
        raise AssertionError('timed')

    built = measure.build_models
    monkeypatch.setattr(measure, 'build_models', build)
    monkeypatch.setattr(measure, 'time_interleaved', no_time)
    with pytest.raises(Mismatch, match='(mmghost|timm).tiny, eager, does not give the outputs'):
        run(train=train)


def test_disagreement():
    expected = [torch.tensor([1.0, 2.0])]
    assert check_agreement('x', expected, expected) == 0
    for found in ([1.0, 2.001], [1.0, float('nan')], [1.0]):
        with pytest.raises(Mismatch, match='x does not give'):
            check_agreement('x', [torch.tensor(found)], expected)
    with pytest.raises(Mismatch, match='x does not give'):
        check_agreement('x', expected * 2, expected)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(forms=('fast',)), "run in eager, .*litert, not in 'fast'"),
        (dict(forms=('deploy',), train=True), "trained in eager, .*, not in 'deploy'"),
        (dict(forms=('deploy',), models=PAIR[1:]), 'timm.tiny have no form deploy'),
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
    layer = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.ReLU())
    multiply_adds, moved = count_work(layer, torch.randn(2, 3, 4, 5))
    assert multiply_adds == 2 * 20 * 3 * 8
    assert moved == 4 * (2 * 20 * (3 + 8) + 3 * 8)


def test_peak_memory_is_that_of_what_is_kept():
    layers = [nn.Sequential(nn.Conv2d(8, 8, 1), nn.Sigmoid()) for _ in range(6)]
    step = TrainingStep(nn.Sequential(*layers), torch.randn(4, 8, 64, 64))
    kept = 6 * 4 * 8 * 64 * 64 * 4  # each sigmoid's output
    assert kept < peak_memory(step, CPU) < 2 * kept


def test_command(tmp_path):
    words = ('--models', *PAIR, *QUICK, '--breakdown', '--json', 'new/first-run.json')
    done = run_tool('research.benchmark', *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(text) for text in ('ratios of times', 'images/s', 'of all')]
    assert places == sorted(places)
    found = json.loads((tmp_path / 'new' / 'first-run.json').read_text())
    assert found['title'] == 'first run'
    assert found['command'].startswith(
        'python -m research.benchmark --models mmghost.tiny timm.tiny'
    )
    assert [(result['model'], result['form']) for result in found['settings'][0]['results']] == [
        *((PAIR[0], 'eager'), (PAIR[0], 'deploy')),
        (PAIR[1], 'eager'),
    ]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--models', 'resnet'), "error: there is no model 'resnet': give one of"),
        (('--json', 'results.txt'), 'are written to a .json file, not to results.txt'),
        (('--json', 'notes.json'), 'notes.json exists and holds no benchmark'),
        (
            ('--models', 'timm.ghostnetv2', '--size', '32', '--runtimes', 'eager'),
            'timm.ghostnetv2 takes no images of 32x32 (Given input size',
        ),
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
