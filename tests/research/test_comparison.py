import json
import sys
from pathlib import Path

import pytest
from helpers import CONFIGS, RESEARCH, ROOT
from mmengine.config import Config
from mmengine.fileio import load

from research import comparison
from research.comparison import draw_heads, draw_learning_curves, read_comparison, sections
from research.results import COMPARISON, METRICS, summarise_runs

TABLES = {table['table']: table for table in load(COMPARISON)}


def write_runs(folder, table, values, column):
    """Write results of a table's rows, a list of values by seed for each."""
    name, factor = METRICS[column]
    for row, seeds in zip(table['rows'], values):
        for seed, value in enumerate(seeds):
            curve = [{'step': step, name: value / factor * step / 3} for step in (1, 2, 3)]
            run = dict(
                config=row['config'],
                options={},
                commit='0123456789',
                changed=False,
                environment=dict(processor='A CPU', threads=1, torch='2.12.1'),
                seed=seed,
                wall_time=180.0,
                metrics={name: value / factor},
                learning_curve=curve,
            )
            (folder / f'{row["name"]}{seed}.json'.replace('/', '')).write_text(json.dumps(run))


def test_page_is_of_the_results(tmp_path, monkeypatch):
    page, curves = tmp_path / 'comparison.md', tmp_path / 'curves.png'
    page.write_text('# The head\n\n## A section\n')
    monkeypatch.setattr(comparison, 'PAGE', page)
    monkeypatch.setattr(comparison, 'CURVES', curves)
    monkeypatch.setattr(comparison, 'HEADS', tmp_path / 'heads.png')
    monkeypatch.setattr(sys, 'argv', ['comparison'])
    comparison.main()
    head, written = page.read_text().split('\n', 1)
    assert head == '# The head' and curves.stat().st_size > 50_000
    assert (ROOT / 'docs' / 'comparison.md').read_text().endswith(written)
    with pytest.raises(FileNotFoundError, match='`python -m research.reproduce` makes them'):
        read_comparison(tmp_path)


def test_means_deviations_and_differences(tmp_path):
    table = TABLES['fashion-mnist']
    values = [(84.0, 86.0, 88.0), (85.0, 85.0, 85.0), (86.0, 87.0, 88.0), (80.0,)]
    write_runs(tmp_path, table, values, 'top1')
    page = '\n'.join(sections(read_comparison(tmp_path)))
    assert '86.00 ± 2.00 (84.00, 86.00, 88.00) | -1.00 ± 1.29, paired ± 0.58 | 3 | 3.0 |' in page
    assert '87.00 ± 1.00 (86.00, 87.00, 88.00) |  | 3 |' in page
    assert '| 80.00 (80.00) | -7.00 | 1 |' in page
    assert 'Budget: 4 epochs of 12000 images in batches of 64, AdamW' in page
    assert '- A CPU, 1 thread, torch 2.12.1, commit 0123456' in page
    assert '85.00 ± 0.00 (85.00, 85.00, 85.00) | -2.00 ± 0.58' in page
    clear = 'the difference from GhostNetV2 1.0x of GhostNet 1.1x (-2.00 ± 0.58, paired ± 0.58).'
    assert f'More than twice its error is {clear}' in page

    axes = draw_learning_curves(read_comparison(tmp_path)).axes[0]
    line, shadow = axes.lines[0], axes.collections[0].get_paths()[0].vertices[:, 1]
    assert line.get_xdata()[-1] == 100 and line.get_ydata()[-1] == pytest.approx(86)
    assert (shadow.min(), shadow.max()) == pytest.approx((28, 88))


def test_summary_scales_to_the_tables_unit():
    runs = [dict(metrics={'coco/bbox_mAP': value}) for value in (0.25, 0.35)]
    summary = summarise_runs([*runs, dict(metrics={})], 'AP')
    assert summary.mean == pytest.approx(30) and summary.values == pytest.approx((25, 35))
    assert summarise_runs(runs, 'mIoU') is None


def difference(one, other, path=''):
    """Name the places where two configs differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {*one, *other}:
            yield from difference(one.get(key), other.get(key), f'{path}.{key}')
    elif one != other:
        yield path


@pytest.mark.parametrize(
    ('table', 'count'),
    [
        ('imagenette', 5),
        ('camvid', 3),
        ('animals', 3),
        ('fashion-mnist', 4),
        ('fashion-scenes-segmentation', 4),
        ('fashion-scenes-detection', 4),
        ('fashion-ablation', 4),
    ],
)
def test_equal_recipe(table, count):
    """Models differ in the backbone and in the channels of what takes its maps, in nothing else."""
    rows = TABLES[table]['rows'][:count]
    first, *others = (Config.fromfile(ROOT / row['config']).to_dict() for row in rows)
    for config in others:
        for path in difference(first, config):
            taken = path.endswith('in_channels') and path.startswith('.model.')
            in_model = path.startswith('.model.backbone') or taken
            # MobileNetV2's own head: one layer
            assert in_model or path.startswith('.model.head.'), path


@pytest.mark.parametrize(
    'row',
    [row for table in TABLES.values() for row in table['rows'] if 'pretrained' in row],
    ids=lambda row: row['name'],
)
def test_pretrained_differs_in_the_weights_only(row):
    pretrained = Config.fromfile(ROOT / row['config']).to_dict()
    name = Path(row['config'].replace('-pretrained', '')).name
    (plain,) = (path for root in (CONFIGS, RESEARCH) for path in root.rglob(name))
    scratch = Config.fromfile(plain).to_dict()
    assert Path(row['pretrained']).stem in pretrained['weights']
    assert set(difference(scratch, pretrained)) == {'.model.backbone.init_cfg', '.weights'}


RECIPE = [
    'train_dataloader',
    'val_dataloader',
    'val_evaluator',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'custom_hooks',
    'runner_type',
    'randomness',
]


@pytest.mark.parametrize('table', ['fashion-heads-detection', 'fashion-heads-segmentation'])
def test_heads_differ_in_the_model_and_its_learning_rate_only(table):
    rows = TABLES[table]['rows']
    first, *others = (Config.fromfile(ROOT / row['config']).to_dict() for row in rows)
    for config in others:
        for key in RECIPE:
            assert not [
                path
                for path in difference(first[key], config[key])
                if not path.endswith(('._scope_', '.optimizer.lr'))
            ], key


def test_heads_are_drawn_over_their_times(tmp_path):
    table = TABLES['fashion-heads-detection']
    write_runs(tmp_path, table, [(40.0, 42.0), (35.0,)], 'AP')
    tables = read_comparison(tmp_path)
    times = {row['name']: row['milliseconds'] for row in tables[-2]['rows']}
    assert all(0.1 < value < 1000 for value in times.values())
    detection, segmentation = draw_heads(tables).axes
    drawn = {text.get_text(): text.xy for text in detection.texts}
    assert drawn == {
        "YOLOv3, the papers'": (times["YOLOv3, the papers'"], 41.0),
        'YOLOv3, 64 channels': (times['YOLOv3, 64 channels'], 35.0),
    }
    assert not segmentation.texts
    assert f'| {times["SSDLite"]:.2f} |' in '\n'.join(sections(tables))
