import copy
import json

import pytest
import timm
import torch
from helpers import CONFIGS, RESEARCH, ROOT, exports
from tool_runs import run_tool
from torch import nn

from mmghost.layers import GhostModule
from research.benchmark import measure
from research.benchmark.forms import check_agreement, training_step
from research.benchmark.machine import count_work, peak_memory
from research.benchmark.measure import benchmark, time_interleaved
from research.benchmark.networks import NETWORKS, build_models
from research.benchmark.report import ratio, read_benchmarks, sections, spread, tables

PAIR = ['mmghost.tiny', 'timm.tiny']
FASTER_RCNN = str(CONFIGS / 'detection' / 'faster-rcnn_ghostnet-1.1x_fpn_1x_coco.py')
CLASSIFIER = str(RESEARCH / 'comparison' / 'ghostnetv2-1.0x_1xb64-4e_fashion-mnist-12k.py')


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
    monkeypatch.setattr(measure, 'measure_machine', lambda: rates)
    for name in PAIR:
        monkeypatch.setitem(NETWORKS, name, Tiny)


def run(models=PAIR, forms=('eager',), **options):
    return benchmark(models, forms, **dict(sizes=(32,), batch=2, rounds=1) | options)


def check_results(found, expected, tolerance=1e-4):
    assert json.loads(json.dumps(found)) is not None
    (setting,) = found['settings']
    assert [(result['model'], result['form']) for result in setting['results']] == expected
    for result in setting['results']:
        assert len(result['seconds']) == 1 and result['seconds'][0] > 0
        assert result['multiply_adds'] > 1e4 and result['bytes'] > 1e4
        assert 0 <= result['difference'] <= tolerance
    return setting['results']


def test_inference():
    forms = ('eager', 'channels_last', 'deploy')
    found = run(forms=forms)
    assert torch.get_num_threads() == found['threads'] == 1
    ours = [(PAIR[0], form) for form in forms]
    check_results(found, [*ours, (PAIR[1], 'eager'), (PAIR[1], 'channels_last')])
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
    ('form', 'package'),
    [
        ('onnxruntime', 'onnxscript'),
        ('openvino', 'openvino'),
        ('litert', 'litert_torch'),
        ('ncnn', 'pnnx'),
        ('mnn', 'MNN'),
        ('compile', 'torch'),
        ('onnxruntime-int8', 'onnxscript'),
        ('openvino-int8', 'nncf'),
        ('litert-int8', 'ai_edge_quantizer'),
    ],
)
def test_forms_that_take_long_to_make(form, package):
    pytest.importorskip(package)
    batch = 1 if form == 'ncnn' else 2
    found = run(PAIR[:1], (form,), batch=batch)
    (result,) = check_results(found, [(PAIR[0], form)], 0.3 if 'int8' in form else 1e-4)
    assert ('int8' in form) == (result['difference'] > 1e-4)


@pytest.mark.parametrize('train', [False, True])
def test_other_weights_fail_before_any_time_is_taken(monkeypatch, train):
    def build(names, width):
        models = build_models(names, width)
        with torch.no_grad():
            models[1].module.first.primary_conv.conv.weight[0] *= 1.01
        return models

    def no_time(*_, **__):
        raise AssertionError('timed')

    monkeypatch.setattr(measure, 'build_models', build)
    monkeypatch.setattr(measure, 'time_interleaved', no_time)
    with pytest.raises(ValueError, match='(mmghost|timm).tiny, eager, does not give the outputs'):
        run(train=train)


def test_disagreement():
    expected = [torch.tensor([1.0, 2.0])]
    assert check_agreement('x', expected, expected) == 0
    for found in ([1.0, 2.001], [1.0, float('nan')], [1.0]):
        with pytest.raises(ValueError, match='x does not give'):
            check_agreement('x', [torch.tensor(found)], expected)
    with pytest.raises(ValueError, match='x does not give'):
        check_agreement('x', expected * 2, expected)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(forms=('deploy',), train=True), 'trained in eager, .* only'),
        (dict(forms=('deploy',), models=PAIR[1:]), 'timm.tiny have no form deploy'),
        (dict(models=['ghostnetv9']), "no model 'ghostnetv9': give one of mmghost.ghostnetv2, "),
        (dict(models=['absent.py']), 'there is no config file absent.py'),
        (dict(models=[CLASSIFIER], width=0.5), 'leave --width out'),
        pytest.param(
            dict(models=[FASTER_RCNN]),
            'faster-rcnn.* does not run on images alone',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises((ValueError, OSError), match=message):
        run(**arguments)


@pytest.mark.parametrize('lead_in', [False, True])
def test_rounds_are_interleaved(lead_in):
    calls = []
    functions = [lambda name=name: calls.append(name) for name in 'abc']
    times = time_interleaved(functions, 4, lead_in)
    assert [len(seconds) for seconds in times] == [4, 4, 4]
    each = 2 if lead_in else 1
    timed = calls[-12 * each :: each]
    rounds = [timed[start : start + 3] for start in range(0, 12, 3)]
    assert all(sorted(names) == ['a', 'b', 'c'] for names in rounds)
    assert len({tuple(names) for names in rounds}) > 1


def test_work_is_counted():
    layer = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.ReLU())
    multiply_adds, moved = count_work(layer, torch.randn(2, 3, 4, 5))
    assert multiply_adds == 2 * 20 * 3 * 8
    assert moved == 4 * (2 * 20 * (3 + 8) + 3 * 8)


def test_peak_memory_is_that_of_what_is_kept():
    layers = [nn.Sequential(nn.Conv2d(8, 8, 1), nn.Sigmoid()) for _ in range(6)]
    step = training_step(nn.Sequential(*layers), torch.randn(4, 8, 64, 64))
    kept = 6 * 4 * 8 * 64 * 64 * 4  # each sigmoid's output
    assert kept < peak_memory(step) < 2 * kept


def test_networks_give_five_maps_and_mmghosts_have_timms_weights():
    x, outs = torch.randn(1, 3, 64, 96), {}
    for model in build_models([name for name in NETWORKS if name not in PAIR], 0.5):
        with torch.no_grad():
            outs[model.name] = model.module(x)
    for maps in outs.values():
        sizes = [(64 // stride, 96 // stride) for stride in (2, 4, 8, 16, 32)]
        assert [tuple(one.shape[-2:]) for one in maps] == sizes
    for family in ('ghostnet', 'ghostnetv2'):
        assert all(one.std() > 0.01 for one in outs[f'timm.{family}'])
        torch.testing.assert_close(outs[f'mmghost.{family}'], outs[f'timm.{family}'])


def test_a_config_is_measured_whole():
    found = run([CLASSIFIER], ('deploy',))
    check_results(found, [(CLASSIFIER, 'deploy')])
    assert found['width'] is None


def test_timms_last_map_is_the_end_of_its_last_stage():
    (model,) = build_models(['timm.ghostnet'], 0.5)
    whole = timm.create_model('ghostnet_050').eval()
    whole.load_state_dict(model.module.state_dict(), strict=False)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = whole.blocks[-1](model.module(x)[-1])
        torch.testing.assert_close(found, whole.forward_features(x))


def test_settled_networks_do_not_amplify_rounding():
    (model,) = build_models(['mmghost.ghostnetv2'], 0.5)
    norms = [m for m in model.module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(norm.momentum == 0.1 and not norm.training for norm in norms)
    x = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        exact = copy.deepcopy(model.module).double()(x.double())
        for found, expected in zip(model.module(x), exact):
            assert (found - expected).abs().max() / expected.abs().max() < 3e-5


def result(model, form, *seconds, **more):
    work = dict(multiply_adds=2_000_000, bytes=5_000_000, difference=1e-6)
    return dict(model=model, form=form, seconds=list(seconds), **work, **more)


def example(*results, task='inference'):
    return dict(
        title='Mine against theirs',
        command='python -m research.benchmark',
        task=task,
        against='theirs',
        width=1.0,
        threads=2,
        rounds=3,
        environment=dict(processor='A CPU', cores=4, torch='2.12.1'),
        machine=dict(multiply_adds=1e9, copied_bytes=1e10),
        settings=[dict(size=[64, 96], batch=2, results=list(results))],
    )


def test_ratios_are_of_the_same_round_and_come_first():
    mine, theirs = (result(name, 'eager', 0.01, 0.02, 0.03) for name in ('mine', 'theirs'))
    theirs['seconds'] = [0.02, 0.04, 0.02]
    assert spread([3.0]) == (3, 3, 3) and spread([1, 2, 3, 4, 5]) == (3, 2, 4)
    assert ratio(mine, theirs).median == 0.5 and ratio(theirs, mine).median == 2
    deployed = result('mine', 'deploy', 0.01, 0.01, 0.01)
    (title, _, ratios), (_, _, times) = tables(example(mine, deployed, theirs))
    assert title == 'Inference, 64x96, batch 2, 2 threads: ratios of times'
    assert ratios == [
        ('mine', 'eager', '0.500 (0.500 to 1.000)', '0.500 (0.500 to 1.000)'),
        ('mine', 'deploy', '', '0.500 (0.375 to 0.500)'),
        ('theirs', 'eager', '', ''),
    ]
    assert times[0] == (
        *('mine', 'eager', '20.00 (15.00 to 25.00)', '100.0', '2.00', '0.50', '10.0', '1e-06'),
    )
    step = result('theirs', 'eager', 0.1, peak_memory=3e6)
    _, (title, columns, rows) = tables(example(step, task='training'))
    assert title.startswith('Training step') and rows[0][columns.index('peak MB')] == '3.0'


def test_the_page_is_that_of_the_results():
    lines = '\n'.join(sections(read_benchmarks()))
    assert (ROOT / 'docs' / 'performance.md').read_text().endswith(f'\n\n{lines}\n')


def test_command(tmp_path):
    words = (
        '--models',
        *PAIR,
        '--size',
        '64',
        '96',
        '--rounds',
        '1',
        '--json',
        'new/first-run.json',
    )
    done = run_tool('research.benchmark', *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index('ratios of times') < done.stdout.index('images/s')
    found = json.loads((tmp_path / 'new' / 'first-run.json').read_text())
    assert found['title'] == 'first run' and [one['size'] for one in found['settings']] == [
        [64, 64],
        [96, 96],
    ]
    assert found['command'].startswith(f'python -m research.benchmark --models {" ".join(PAIR)}')
