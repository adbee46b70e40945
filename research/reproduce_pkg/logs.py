"""What mmengine's runs leave in their folders."""

import json
import math
import os
from contextlib import suppress
from pathlib import Path

_NOT_METRICS = {'step', 'time', 'data_time'}
_TAIL = 20_000  # bytes


def _newest_first(work_dir, pattern):
    found = Path(work_dir).glob(pattern)
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _records(file):
    """Read the records of a scalars.json; a kill may have cut the last one short."""
    for line in file.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            return


def metrics_of(record):
    """Keep the metrics of a record; those that are not a number are None, as JSON has no NaN."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in record.items()
        if name not in _NOT_METRICS
    }


def read_test(work_dir):
    """Return the metrics of the newest test into a folder."""
    return metrics_of(json.loads(_newest_first(work_dir, '*/*.json')[0].read_text()))


def training_log(work_dir):
    """Return the newest training log of a folder, None if there is none."""
    return next(iter(_newest_first(work_dir, '*/*.log')), None)


def learning_curve(work_dir):
    """Collect the validations of a training, of all its parts.

    Returns:
        list[dict]: ``step``, the epoch or iteration, and the metrics, in order; of a step that was
        done twice, the later.
    """
    found = {}
    for file in reversed(_newest_first(work_dir, '*/vis_data/scalars.json')):
        for record in _records(file):
            if 'loss' not in record:
                found[record['step']] = metrics_of(record)
    return [dict(step=step, **metrics) for step, metrics in sorted(found.items())]


def progress_of(work_dir):
    """Say how far a training is: 'epoch 3' or 'iteration 1200'; '' if nothing is known yet."""
    files = _newest_first(work_dir, '*/vis_data/scalars.json')
    if not files:
        return ''
    with open(files[0], 'rb') as file:  # grows with the training
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = file.read().decode(errors='ignore').splitlines()
    for line in reversed(lines):
        with suppress(json.JSONDecodeError):
            record = json.loads(line)
            if 'loss' in record:
                epoch = record.get('epoch')
                return f'iteration {record["iter"]}' if epoch is None else f'epoch {epoch}'
    return ''
