import json

import pytest
from helpers import ROOT

from mmghost.benchmark import describe, read_benchmarks, tables, to_markdown
from mmghost.benchmark.report import ratio, spread


def result(model, form, *seconds, **more):
    work = dict(multiply_adds=2_000_000, bytes=5_000_000, difference=1e-6)
    return dict(model=model, form=form, seconds=list(seconds), **work, **more)


def example(*results, **more):
    return dict(
        dict(
            title='Mine against theirs',
            command='python tools/benchmark.py',
            task='inference',
            against='theirs',
            width=1.0,
            threads=2,
            rounds=3,
            device='cpu',
            environment=dict(processor='A CPU', cores=4, torch='2.12.1'),
            machine=dict(multiply_adds=1e9, copied_bytes=1e10, half_multiply_adds=2e9),
            settings=[dict(size=[64, 96], batch=2, results=list(results))],
        ),
        **more,
    )


MINE = result('mine', 'eager', 0.01, 0.02, 0.03)
DEPLOYED = result('mine', 'deploy', 0.01, 0.01, 0.01)
THEIRS = result('theirs', 'eager', 0.02, 0.04, 0.02)


def test_spread():
    assert spread([3.0]) == (3, 3, 3)
    assert spread([1, 2, 3, 4, 5]) == (3, 2, 4)


def test_ratios_are_of_the_same_round():
    assert ratio(MINE, THEIRS).median == 0.5
    assert ratio(THEIRS, MINE).median == 2


def test_ratios_come_first():
    ratios, times = tables(example(MINE, DEPLOYED, THEIRS))
    assert ratios.title == 'Inference, 64x96, batch 2, 2 threads: ratios of times'
    assert ratios.rows == [
        ('mine', 'eager', '0.500 (0.500 to 1.000)', '0.500 (0.500 to 1.000)'),
        ('mine', 'deploy', '', '0.500 (0.375 to 0.500)'),
        ('theirs', 'eager', '', ''),
    ]
    assert times.rows[0] == (
        *('mine', 'eager', '20.00 (15.00 to 25.00)', '100.0', '2.00', '0.50', '10.0', '1e-06'),
    )


def test_half_precision_has_its_own_floor():
    _, times = tables(example(result('theirs', 'amp', 0.01)))
    assert times.rows[0][4] == '1.00'


def test_training_shows_memory():
    _, times = tables(example(result('theirs', 'eager', 0.1, peak_memory=3e6), task='training'))
    assert times.title.startswith('Training step')
    assert times.rows[0][times.columns.index('peak MB')] == '3.0'


def test_operators():
    timed = [dict(name='Conv', calls=2, ms=3.0), dict(name='Add', calls=1, ms=1.0)]
    counted = [dict(name='CONV_2D', calls=2, ms=None)]
    found = tables(
        example(
            result('theirs', 'openvino', 0.1, operators=timed),
            result('theirs', 'litert', 0.1, operators=counted),
        )
    )[2:]
    assert found[0].rows == [('Conv', '2', '3.000', '75%'), ('Add', '1', '1.000', '25%')]
    assert found[1].rows == [('CONV_2D', '2')] and 'does not time' in found[1].title


def test_markdown():
    page = to_markdown([example(MINE, THEIRS)], notes='notes.md')
    assert '## Mine against theirs' in page and '](notes.md)' in page
    assert describe(example(MINE)) in page and '2.0 G in half precision' in page
    assert '| mine | eager | 0.500 (0.500 to 1.000) | 0.500 (0.500 to 1.000) |' in page
    assert 'no results yet' not in page and 'no results yet' in to_markdown([])


def test_files_are_checked(tmp_path):
    assert read_benchmarks(tmp_path / 'absent') == []
    (tmp_path / 'a.json').write_text(json.dumps(example(MINE, THEIRS)))
    assert read_benchmarks(tmp_path) == [example(MINE, THEIRS)]
    (tmp_path / 'b.json').write_text('{"title": "B"}')
    with pytest.raises(ValueError, match='b.json lacks against, command, '):
        read_benchmarks(tmp_path)
    (tmp_path / 'b.json').write_text('{')
    with pytest.raises(ValueError, match='b.json is no JSON'):
        read_benchmarks(tmp_path)


def test_the_page_is_that_of_the_results():
    docs = ROOT / 'docs'
    notes = 'performance_notes.md' if (docs / 'performance_notes.md').is_file() else None
    page = to_markdown(read_benchmarks(docs / 'benchmarks'), notes)
    assert (docs / 'performance.md').read_text() == page
