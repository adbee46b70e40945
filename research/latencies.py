"""Latencies of a paper's table as ratios, which carry over to another machine as times do not."""

from statistics import median
from typing import NamedTuple

RUNTIME = 'litert'  # the papers' tool


class Slowdown(NamedTuple):
    """A row's latency over that of its table's first row."""

    paper: float
    measured: float


def compare_latencies(latencies, benchmarks):
    """Put rows' latencies over the first row's.

    Args:
        latencies (dict): The paper's in ms, by the model that was measured, in the rows' order.
        benchmarks (Sequence[dict]): As :func:`mmghost.benchmark.read_benchmarks` gives them. The
            first one counts that timed all of these models, in one setting, in LiteRT.

    Returns:
        dict: :class:`Slowdown` by model, less the first; empty if none has timed them all.
    """
    for benchmark in benchmarks:
        for setting in benchmark['settings']:
            timed = {r['model']: r for r in setting['results'] if r['form'] == RUNTIME}
            if latencies and latencies.keys() <= timed.keys():
                first, *others = latencies
                return {
                    model: Slowdown(
                        latencies[model] / latencies[first], _ratio(timed[model], timed[first])
                    )
                    for model in others
                }
    return {}


def _ratio(result, reference):
    pairs = zip(result['seconds'], reference['seconds'])
    return median(mine / theirs for mine, theirs in pairs)
