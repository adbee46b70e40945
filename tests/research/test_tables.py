import json
import sys

import pytest
from helpers import CONFIGS, RESEARCH, ROOT
from mmengine.fileio import load

from research import tables
from research.benchmark.report import read_benchmarks
from research.results import PAPERS
from research.tables import judge, measure_tables, sections

VERDICTS = {
    'agrees': [(6.157, '6.2'), (6.157, '6.16'), (167.05, '167'), (0.43, '0.43')],
    'agrees cut off': [(6.157, '6.1'), (167.6, '167'), (100.99, '100')],
    'near': [(569.6, '571'), (186.58, '188')],
    'differs': [(6.157, '6.0'), (185.9, '188'), (101.01, '100')],
}


def test_judge():
    for verdict, cases in VERDICTS.items():
        for measured, paper in cases:
            assert judge(measured, paper) == verdict, (measured, paper)


def test_every_config_of_the_papers_data_sets_is_in_a_table():
    named = {row['config'] for table in load(PAPERS) for row in table['rows']}
    every = [*CONFIGS.rglob('*.py'), *RESEARCH.rglob('*.py')]
    ours = {str(path.relative_to(ROOT)) for path in every}
    beside = [path for path in ours - named if path.startswith('research/')]
    assert all(path.startswith('research/configs/comparison/') for path in beside)
    assert all('::' in name or name in ours for name in named)


def test_measured_table_and_a_cell_that_no_longer_agrees(tmp_path, monkeypatch, capsys):
    entry = next(t for t in load(PAPERS) if (t['paper'], t['table']) == ('GhostNetV2', 8))
    entry['rows'] = entry['rows'][:2]
    entry['rows'][0]['cells']['flops'] = '150'
    entry['rows'][1]['note'] = 'a note'
    papers = tmp_path / 'papers.json'
    papers.write_text(json.dumps([entry]))
    monkeypatch.setattr(tables, 'PAPERS', papers)
    results = tmp_path / 'results'
    results.mkdir()
    for seed, top1 in enumerate((73.5, 73.9)):
        config, metrics = entry['rows'][0]['config'], {'accuracy/top1': top1}
        run = dict(config=config, commit='0123456789', seed=seed, metrics=metrics)
        (results / f'run{seed}.json').write_text(json.dumps(run))
    words = ['tables', '--paper', 'GhostNetV2', '--table', '8', '--results', str(results)]
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit, match='Table 8: .*, Baseline: flops no longer agrees'):
        tables.main()
    printed = capsys.readouterr().out
    assert 'Of 4 measured cells 2 agree when rounded, 1 when cut off' in printed
    (table,) = measure_tables()
    page = '\n'.join(sections([table]))
    for text in ('top-1 73.70 ± 0.28 % (2 seeds, 0123456)', '1. a note'):
        assert text in printed and text not in page.replace('1. a note', '')
    cells = 'parameters 6.1 M: 6.16 M (+0.9%, agrees cut off)<br>multiply-adds 167 M: 167.0 M (+0.0'
    assert f'| Expressiveness (1) | {cells}' in page and '| top-1 75.3 % |' in page


def test_latencies_are_compared_with_the_first_rows():
    folder = 'configs/classification/'
    ratios = {'ghostnet-1.0x': 1, 'ghostnet-1.0x-self-attention': 3, 'ghostnetv2-1.0x': 1.25}
    results = [
        dict(
            model=f'{"research/" * ("self" in stem)}{folder}{stem}_8xb128_in1k.py',
            form=form,
            seconds=[ratio, 2 * ratio],
        )
        for form in ('onnxruntime', 'litert')
        for stem, ratio in ratios.items()
    ]
    timed = [dict(settings=[dict(results=results[:3])]), dict(settings=[dict(results=results)])]
    (table,) = measure_tables('GhostNetV2', 1, benchmarks=timed)
    first, attention, dfc = (row['ours'] for row in table['rows'])
    assert first == '' and attention.startswith('latency 3.00 of')
    page = '\n'.join(sections([table]))
    assert "latency 37.5 ms | latency 1.25 of the first row's (the paper's: 1.21) |" in page
    (table,) = measure_tables('GhostNetV2', 1, benchmarks=timed[:1])
    assert all(row['ours'] == '' for row in table['rows'])


def test_tables_page_is_up_to_date():
    """Its heads and papers' figures are those of papers.yml, its latencies the benchmarks'."""
    page = (ROOT / 'docs' / 'tables.md').read_text()
    for table in load(PAPERS):
        assert f'## {table["paper"]}, Table {table["table"]}: {table["title"]}' in page
        figures = [figure for row in table['rows'] for figure in row['cells'].values()]
        assert all(text in page for text in (*figures, ', '.join(table.get('left_out', []))))
    (table,) = measure_tables('GhostNetV2', 1, benchmarks=read_benchmarks())
    rows = [line for line in sections([table]) if "the first row's (the" in line]
    assert len(rows) == 2 and all(row in page for row in rows)
