"""The papers' tables as text: for a terminal and as Markdown."""

from rich.table import Table as RichTable

from .paper_tables import AGREES, CUT, DIFFERS, NEAR
from .results import METRICS, summarise_runs

HEADINGS = dict(params='parameters', flops='multiply-adds', top1='top-1', top5='top-5')
QUOTED_UNITS = dict(
    top1='%', top5='%', AP='', AP50='', AP75='', APs='', APm='', APl='', mIoU='%', latency='ms'
)
COLOURS = {AGREES: 'green', CUT: 'green', NEAR: 'yellow', DIFFERS: 'red'}


def _quoted(row):
    """What a row's paper says that cannot be measured here."""
    return ', '.join(
        f'{HEADINGS.get(cell.column, cell.column)} {cell.paper} {QUOTED_UNITS[cell.column]}'.strip()
        for cell in row.cells
        if cell.verdict is None
    )


def _ours(row):
    """What our runs give for what the paper says."""
    return ', '.join(filter(None, (_learned(row), _slowdown(row))))


def _slowdown(row):
    if row.slowdown is None:
        return ''
    paper, measured = row.slowdown
    return f"latency {measured:.2f} of the first row's (the paper's: {paper:.2f})"


def _learned(row):
    """Means and deviations over seeds."""
    found = []
    for cell in row.cells:
        summary = summarise_runs(row.results, cell.column) if cell.column in METRICS else None
        if summary is not None:
            heading = HEADINGS.get(cell.column, cell.column)
            found.append(f'{heading} {summary} {QUOTED_UNITS[cell.column]}'.strip())
    if not found:
        return ''
    count = len(row.results)
    commits = ', '.join(sorted({run['commit'][:7] for run in row.results}))
    return f'{", ".join(found)} ({count} seed{"s" * (count > 1)}, {commits})'


def _measured(table, row):
    """Paper, measured, difference and verdict of every measured cell."""
    for cell in row.cells:
        if cell.verdict is not None:
            unit = table.units[cell.column]
            digits = len(cell.paper.partition('.')[2]) + 1
            yield (
                HEADINGS[cell.column],
                f'{cell.paper} {unit}',
                f'{cell.measured:.{digits}f} {unit}',
                f'{cell.difference:+.1%}',
                cell.verdict,
            )


def summarise(tables):
    """Count the verdicts.

    Returns:
        str: One sentence.
    """
    verdicts = [c.verdict for t in tables for r in t.rows for c in r.cells if c.verdict]
    counts = {verdict: verdicts.count(verdict) for verdict in COLOURS}
    met = len(verdicts) - counts[DIFFERS]
    share = f' ({met / len(verdicts):.0%} agree or are near)' if verdicts else ''
    return (
        f'Of {len(verdicts)} measured cells {counts[AGREES]} agree when rounded, {counts[CUT]} '
        f'when cut off, {counts[NEAR]} are near (within 1 %) and {counts[DIFFERS]} differ{share}.'
    )


def to_rich(table):
    """Lay a table out for a terminal.

    Returns:
        rich.table.Table: One line per measured cell; what is quoted stands in its row's first.
    """
    rich = RichTable(
        'system', 'cell', 'paper', 'measured', 'difference', 'verdict', "the paper's", 'ours',
        title=f'{table.paper}, Table {table.number}: {table.title}',
        caption=f'Left out: {", ".join(table.left_out)}' if table.left_out else None,
    )  # fmt: skip
    for row in table.rows:
        name, quoted, ours = row.name, _quoted(row), _ours(row)
        for *cell, verdict in _measured(table, row) or [[''] * 5]:
            coloured = f'[{COLOURS[verdict]}]{verdict}[/]'
            rich.add_row(name, *cell, coloured, quoted, ours)
            name = quoted = ours = ''
        if name:
            rich.add_row(name, '', '', '', '', '', quoted, ours)
        if row.note:
            rich.add_row('', '', '', '', '', '', f'[dim]{row.note}[/]', '')
        rich.add_section()
    return rich


def to_markdown(tables):
    """Write tables as a Markdown page.

    Returns:
        str: The page.
    """
    lines = [
        "# The papers' tables",
        '',
        'Written by `python tools/paper_tables.py --markdown`; the figures are in',
        '[papers.yml](../mmghost/analysis/papers.yml). Parameters, and multiply-adds of',
        'convolutions and linear layers, are measured with fvcore on the models of the configs,',
        'classification head included, at 224x224 or the size that the row names. A cell agrees if',
        "what is measured rounds to the paper's digits, or is cut off to them, and is near within",
        "1 %. Accuracy and latency are the paper's, with the config that reproduces the row; ours",
        "are the runs in `results/`, and latencies over the first row's in LiteRT, as in",
        '[performance.md](performance.md). Left out are models that OpenMMLab has no config of.',
        '',
        summarise(tables),
    ]
    for table in tables:
        lines += [
            '',
            f'## {table.paper}, Table {table.number}: {table.title}',
            '',
            "| system | paper: measured (difference, verdict) | the paper's | ours | config |",
            '| --- | --- | --- | --- | --- |',
        ]
        notes = []
        for row in table.rows:
            cells = '<br>'.join(
                f'{heading} {paper}: {measured} ({difference}, {verdict})'
                for heading, paper, measured, difference, verdict in _measured(table, row)
            )
            mark = ''
            if row.note:
                notes.append(row.note)
                mark = f' ({len(notes)})'
            own = '::' not in row.config
            stem = row.config.rpartition('/')[2].removesuffix('.py')
            config = f'[{stem}](../{row.config})' if own else f'`{row.config}`'
            lines.append(
                f'| {row.name}{mark} | {cells} | {_quoted(row)} | {_ours(row)} | {config} |'
            )
        if notes:
            lines.append('')
            lines += [f'{index}. {note}' for index, note in enumerate(notes, 1)]
        if table.left_out:
            lines += ['', f'Left out: {", ".join(table.left_out)}.']
    return '\n'.join(lines) + '\n'
