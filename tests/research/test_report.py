import json

import pytest
from helpers import ROOT

from research.benchmark.report import (
    ratio,
    read_benchmarks,
    spread,
    tables,
    to_markdown,
)


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
        device='cpu',
        environment=dict(processor='A CPU', cores=4, torch='2.12.1'),
        machine=dict(multiply_adds=1e9, copied_bytes=1e10),
        settings=[dict(size=[64, 96], batch=2, results=list(results))],
    )


MINE = result('mine', 'eager', 0.01, 0.02, 0.03)
DEPLOYED = result('mine', 'deploy', 0.01, 0.01, 0.01)
THEIRS = result('theirs', 'eager', 0.02, 0.04, 0.02)


def test_spread_and_ratios_of_the_same_round():
    assert spread([3.0]) == (3, 3, 3) and spread([1, 2, 3, 4, 5]) == (3, 2, 4)
    assert ratio(MINE, THEIRS).median == 0.5 and ratio(THEIRS, MINE).median == 2


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


def test_training_shows_memory_and_a_breakdown_the_longest_operators():
    operators = [('Conv', 30.0, 1.5), ('Add', 2.0, 0.5)]
    one = result('theirs', 'eager', 0.1, peak_memory=3e6, operators=operators)
    _, times, breakdown = tables(example(one, task='training'))
    assert times.title.startswith('Training step')
    assert times.rows[0][times.columns.index('peak MB')] == '3.0'
    assert breakdown.title.endswith('theirs, eager: operators')
    assert breakdown.rows == [('Conv', '30', '1.500', '75%'), ('Add', '2', '0.500', '25%')]


def test_files_are_checked(tmp_path):
    assert read_benchmarks(tmp_path / 'absent') == []
    (tmp_path / 'a.json').write_text(json.dumps(example(MINE, THEIRS)))
    assert read_benchmarks(tmp_path) == [example(MINE, THEIRS)]
    (tmp_path / 'b.json').write_text('{"title": "B"}')
    with pytest.raises(ValueError, match='b.json lacks against, command, '):
        read_benchmarks(tmp_path)


def test_the_page_is_that_of_the_results():
    page = to_markdown([example(MINE, THEIRS)])
    assert '| mine | eager | 0.500 (0.500 to 1.000) | 0.500 (0.500 to 1.000) |' in page
    assert (ROOT / 'docs' / 'performance.md').read_text() == to_markdown(read_benchmarks())
