"""Learning curves of the comparison as a picture."""

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .comparison import HEADINGS
from .results import metric_of

_WIDTH, _HEIGHT = 5, 3.6  # inches of a panel
_DPI = 110


def _curve(runs, column):
    """Return when all runs were validated, in % of the training, and each one's values then."""
    curves = []
    for run in runs:
        points = {point['step']: metric_of(point, column) for point in run['learning_curve']}
        curves.append({step: value for step, value in points.items() if value is not None})
    steps = sorted(set.intersection(*(set(curve) for curve in curves))) if curves else []
    times = [100 * step / steps[-1] for step in steps]  # a step is an epoch or an iteration
    return times, [[curve[step] for step in steps] for curve in curves]


def draw_learning_curves(tables):
    """Draw the validations: a panel for each metric of a table, a line for each row.

    A line is the mean over the seeds, its shadow reaches from the least to the most.

    Args:
        tables (Sequence[dict]): See :func:`mmghost.analysis.comparison.read_comparison`.

    Returns:
        bytes: A PNG.
    """
    panels = []
    for table in tables:
        # All columns where rows have different metrics, else the first
        for column in table['columns'] if 'against' not in table else table['columns'][:1]:
            lines = [(row['name'], *_curve(row['runs'], column)) for row in table['rows']]
            lines = [line for line in lines if line[1]]
            if lines:
                panels.append((table['title'], column, lines))
    columns = min(2, len(panels))
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout='constrained')
    FigureCanvasAgg(figure)
    for place, (title, column, lines) in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, place)
        for name, times, values in lines:
            every = list(zip(*values))
            (line,) = axes.plot(
                times, [sum(one) / len(one) for one in every], marker='o', label=name
            )
            lows, highs = [min(one) for one in every], [max(one) for one in every]
            axes.fill_between(times, lows, highs, color=line.get_color(), alpha=0.15)
        axes.set(title=title, xlabel='% of the training', ylabel=HEADINGS[column])
        axes.title.set_fontsize(9)
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=_DPI, metadata=dict(Software=None))
    return picture.getvalue()
