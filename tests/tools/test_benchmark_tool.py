import json

import pytest
from tool_runs import run_tool

QUICK = ('--size', '64x96', '--width', '0.5', '--rounds', '1')


def test_benchmark(tmp_path):
    done = run_tool('benchmark.py', *QUICK, '--json', 'new/first-run.json', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index('ratios of times') < done.stdout.index('images/s')
    found = json.loads((tmp_path / 'new' / 'first-run.json').read_text())
    assert found['title'] == 'first run'
    assert found['command'].startswith('python tools/benchmark.py --size 64x96 --width 0.5')
    (setting,) = found['settings']
    assert setting['size'] == [64, 96]
    assert [(result['model'], result['form']) for result in setting['results']] == [
        ('mmghost.ghostnetv2', 'eager'),
        ('mmghost.ghostnetv2', 'deploy'),
        ('timm.ghostnetv2', 'eager'),
    ]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--models', 'resnet'), "error: there is no model 'resnet': give one of"),
        (('--runtimes', 'fast'), "not in 'fast'"),
        (('--json', 'results.txt'), 'are written to a .json file, not to results.txt'),
        (('--json', 'notes.json'), 'notes.json exists and holds no benchmark'),
        (('--size', '32'), 'timm.ghostnetv2 takes no images of 32x32 (Given input size'),
        (('--size', 'big'), "a size is such as 224 or 320x480, not 'big'"),
        (('--against', 'mobilenetv2'), 'error: against must be one of'),
        (('--rounds', '0'), 'error: rounds must be an integer >= 1, but got 0'),
    ],
)
def test_mistakes_are_named(tmp_path, words, message):
    (tmp_path / 'notes.json').write_text('{"width": 1}')
    failed = run_tool('benchmark.py', *QUICK, *words, cwd=tmp_path)
    assert failed.returncode != 0 and message in failed.stderr
    assert 'Traceback' not in failed.stderr
    assert (tmp_path / 'notes.json').read_text() == '{"width": 1}'
