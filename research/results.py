"""Our own runs, a json file for a config and a seed, and the tables' rows that they belong to."""

import copy
import json
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from mmengine.config import Config
from mmengine.hub import get_config

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
RESULTS = FOLDER / 'results'
PAPERS = FOLDER / 'papers.yml'
COMPARISON = FOLDER / 'comparison.yml'

#: Columns of tables: the mm package's name, and the factor to the table's unit
METRICS = {
    'top1': ('accuracy/top1', 1),
    'top5': ('accuracy/top5', 1),
    'AP': ('coco/bbox_mAP', 100),
    'AP50': ('coco/bbox_mAP_50', 100),
    'AP75': ('coco/bbox_mAP_75', 100),
    'APs': ('coco/bbox_mAP_s', 100),
    'APm': ('coco/bbox_mAP_m', 100),
    'APl': ('coco/bbox_mAP_l', 100),
    'mIoU': ('mIoU', 1),
}


class Summary(NamedTuple):
    """A metric over seeds: mean, the sample's standard deviation (None of one), each value."""

    mean: float
    deviation: float | None
    values: tuple

    def __str__(self):
        deviation = '' if self.deviation is None else f' ± {self.deviation:.2f}'
        return f'{self.mean:.2f}{deviation}'


def read_results(folder=RESULTS):
    """list[dict]: Our runs, by file name; research/results/README.md lists their keys."""
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob('*.json'))]


def read_config(name, options=None):
    """Config: Of a row: a file of ours or ``package::path``, with what the row changes in it."""
    config = get_config(name) if '::' in name else Config.fromfile(ROOT / name)
    config.merge_from_dict(copy.deepcopy(options or {}))
    return config


def runs_of(row, runs):
    """list[dict]: Of all runs those of a row's config with what it changes in it, by seed."""
    key = row['config'], row.get('options', {})
    found = (run for run in runs if (run['config'], run.get('options', {})) == key)
    return sorted(found, key=lambda run: run['seed'])


def metric_of(metrics, column):
    """Look a column up in metrics; None if they do not have it."""
    name, factor = METRICS[column]
    value = metrics.get(name)
    return None if value is None else value * factor


def summarise_runs(runs, column):
    """Summarise a column of :data:`METRICS` over a row's runs; None if no run has it."""
    values = [metric_of(run['metrics'], column) for run in runs]
    values = tuple(value for value in values if value is not None)
    if not values:
        return None
    return Summary(mean(values), stdev(values) if len(values) > 1 else None, values)
