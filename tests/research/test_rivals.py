import json
import sys

import pytest
from helpers import ROOT

from research import rivals
from research.benchmark.networks import build_model, build_models
from research.rivals import draw, read_rivals, read_times, sections

ROWS = read_rivals()


def test_page_is_of_the_results(tmp_path, monkeypatch):
    page, picture = tmp_path / 'rivals.md', tmp_path / 'rivals.png'
    page.write_text('# The head\n\n## A section\n')
    monkeypatch.setattr(rivals, 'PAGE', page)
    monkeypatch.setattr(rivals, 'PICTURE', picture)
    monkeypatch.setattr(sys, 'argv', ['rivals'])
    rivals.main()
    head, written = page.read_text().split('\n', 1)
    assert head == '# The head' and picture.stat().st_size > 50_000
    assert (ROOT / 'docs' / 'rivals.md').read_text().endswith(written)


def write_times(folder, form, seconds):
    results = [
        dict(model=row['model'], form=form, multiply_adds=2e8, seconds=[seconds] * 2)
        for row in ROWS
    ]
    setting = dict(size=[224, 224], batch=1, results=results)
    (folder / f'{form}.json').write_text(json.dumps(dict(threads=1, settings=[setting])))


def test_times_of_several_files(tmp_path):
    write_times(tmp_path, 'ncnn', 0.004)
    write_times(tmp_path, 'openvino', 0.003)
    times = read_times(tmp_path)
    lines = sections(ROWS, times)
    assert lines[0] == '## 224x224, batch 1, 1 thread'
    row = '| GhostNetV3, merged 1.3x | 79.1 | 200 M | 3.0 | 4.0 |'
    assert row in lines
    assert 'The quartiles are apart by 0% of the median, by 0% at most.' in lines
    panels = draw(ROWS, times).axes
    assert [axes.get_xlabel() for axes in panels] == [
        'M multiply-adds',
        'ms in OpenVINO',
        'ms in ncnn',
    ]
    lines = {line.get_label(): line for line in panels[2].lines}
    assert list(lines['GhostNetV2'].get_ydata()) == [75.3, 76.9, 77.8]
    assert list(lines['GhostNetV2'].get_xdata()) == [4.0, 4.0, 4.0]


def test_merged_classifiers_of_timm():
    name = 'timm::repghostnet_050'
    unmerged, (merged,) = build_model(name), build_models([name])
    assert not merged.deploys and not merged.module.training
    counts = [sum(p.numel() for p in one.module.parameters()) for one in (unmerged, merged)]
    assert counts[1] < counts[0]


@pytest.mark.slow
def test_every_model_can_be_built():
    for name in {row['model'] for row in ROWS}:
        assert build_model(name).module is not None
