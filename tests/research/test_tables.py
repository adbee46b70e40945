import json

import pytest
from helpers import CONFIGS, RESEARCH, ROOT
from mmengine.fileio import load
from tool_runs import run_tool

from research.benchmark.report import read_benchmarks
from research.results import PAPERS, read_results
from research.tables import judge, measure_tables, summarise, to_markdown

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


def test_every_row_names_what_reproduces_it():
    for table in load(PAPERS):
        for row in table['rows']:
            where = f'{table["paper"]} {table["table"]} {row["name"]}'
            keys = 'name config counted size options part also cells agreed note'
            assert set(row) <= set(keys.split()), where
            for name in (row['config'], row.get('counted', row['config'])):
                assert '::' in name or (ROOT / name).is_file(), where
            assert all(isinstance(figure, str) for figure in row['cells'].values()), where
            assert set(row.get('agreed', ())) <= set(row['cells']) & set(table['units']), where


def test_every_config_of_the_papers_data_sets_is_in_a_table():
    named = {row['config'] for table in load(PAPERS) for row in table['rows']}
    every = [*CONFIGS.rglob('*.py'), *RESEARCH.rglob('*.py')]
    ours = {str(path.relative_to(ROOT)) for path in every}
    unnamed = {path for path in ours - named if 'fashion' not in path}
    assert unnamed == {
        'configs/segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_4xb4-160k_ade20k-512x512.py'
    }


def test_measured_table_and_its_markdown(tmp_path):
    for seed, top1 in enumerate((73.5, 73.9)):
        run = dict(
            config='configs/classification/ghostnet-1.0x_8xb128_in1k.py',
            commit='0123456789',
            environment=dict(torch='2.12.1'),
            seed=seed,
            metrics={'accuracy/top1': top1},
        )
        (tmp_path / f'run{seed}.json').write_text(json.dumps(run))
    (table,) = measure_tables('GhostNetV2', 8, read_results(tmp_path))
    baseline, expressiveness, capacity, both = table.rows
    cells = {cell.column: cell for cell in expressiveness.cells}
    assert cells['flops'].measured == pytest.approx(167.048288)
    assert cells['flops'].verdict == 'agrees'
    assert cells['params'].verdict == 'agrees cut off'
    assert 'top1' not in cells and expressiveness.quoted == 'top-1 75.3 %'
    assert [cell.verdict for cell in both.cells if cell.column == 'params'] == ['differs']
    assert not any(row.lost for row in table.rows)
    page = to_markdown([table])
    assert 'top-1 73.70 ± 0.28 % (2 seeds, 0123456)' in page
    assert 'multiply-adds 167 M: 167.0 M (+0.0%, agrees)' in page
    assert '| Both (2) |' in page and '\n2. 7.0 is 5.2' in page
    assert summarise([table]).startswith('Of 8 measured cells 4 agree when rounded, 1 when cut off')


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
    first, attention, dfc = (row.ours for row in table.rows)
    assert first == '' and attention.startswith('latency 3.00 of')
    page = to_markdown([table])
    assert "latency 37.5 ms | latency 1.25 of the first row's (the paper's: 1.21) |" in page
    (table,) = measure_tables('GhostNetV2', 1, benchmarks=timed[:1])
    assert all(row.ours == '' for row in table.rows)


def test_a_cell_that_no_longer_agrees_is_lost(tmp_path, monkeypatch):
    entry = next(t for t in load(PAPERS) if (t['paper'], t['table']) == ('GhostNetV2', 8))
    entry['rows'] = entry['rows'][:1]
    entry['rows'][0]['cells']['flops'] = '150'
    changed = tmp_path / 'papers.json'
    changed.write_text(json.dumps([entry]))
    monkeypatch.setattr('research.tables.PAPERS', changed)
    (table,) = measure_tables()
    assert table.rows[0].lost == ['flops']


def test_incomplete_results_are_named(tmp_path):
    (tmp_path / 'run.json').write_text('{"config": "a.py", "seed": 0}')
    with pytest.raises(ValueError, match='run.json lacks commit, environment, metrics'):
        read_results(tmp_path)
    assert read_results(tmp_path / 'absent') == []


def test_tables_page_is_up_to_date():
    """Its heads and papers' figures are those of papers.yml, its latencies the benchmarks'."""
    page = (ROOT / 'docs' / 'tables.md').read_text()
    for table in load(PAPERS):
        assert f'## {table["paper"]}, Table {table["table"]}: {table["title"]}' in page
        figures = [figure for row in table['rows'] for figure in row['cells'].values()]
        assert all(text in page for text in (*figures, ', '.join(table.get('left_out', []))))
    (table,) = measure_tables('GhostNetV2', 1, benchmarks=read_benchmarks())
    rows = [line for line in to_markdown([table]).splitlines() if "the first row's (the" in line]
    assert len(rows) == 2 and all(row in page for row in rows)


def test_tool(tmp_path):
    def run(*words):
        return run_tool('research.tables', *words, cwd=tmp_path)

    done = run('--paper', 'GhostNetV2', '--table', '5')
    assert done.returncode == 0, done.stderr
    assert 'mIoU 35.52' in done.stdout and '1 agree when rounded, 1 when cut off' in done.stdout
    done = run('--table', '5', '--markdown')
    assert done.returncode != 0 and 'leave --paper and --table out' in done.stderr
