"""Write docs/rivals.md and its figure: Ghost networks beside what else a small budget buys."""

import numpy as np
from matplotlib.figure import Figure
from mmengine.fileio import load

from mmghost.utils.command_line import ArgumentParser

from .benchmark.forms import FORMS
from .benchmark.report import BENCHMARKS, spread
from .plots import scale_by_factors
from .results import FOLDER, ROOT
from .text import markdown_table, rewrite

RIVALS = FOLDER / 'rivals.yml'
TIMES = BENCHMARKS / 'rivals'
PAGE = ROOT / 'docs' / 'rivals.md'
PICTURE = ROOT / 'docs' / 'images' / 'rivals.png'
#: The setting that is drawn: side, batch and threads
DRAWN = 224, 1, 1
#: What readers call a form, less its 8 bits
NAMES = dict(
    compile='PyTorch, compiled', onnxruntime='ONNX Runtime', openvino='OpenVINO', litert='LiteRT'
)


def read_rivals():
    """list[dict]: The rows of rivals.yml, each with its family and the text of its source."""
    content = load(RIVALS)
    return [
        dict(row, family=family, source=content['sources'][row['source']])
        for family, rows in content['families'].items()
        for row in rows
    ]


def read_times(folder=TIMES):
    """dict: The results of research.benchmark by side, batch and threads, then form, then model."""
    found = {}
    for path in sorted(folder.glob('*.json')):
        benchmark = load(path)
        for setting in benchmark['settings']:
            forms = found.setdefault(
                (setting['size'][0], setting['batch'], benchmark['threads']), {}
            )
            for result in setting['results']:
                forms.setdefault(result['form'], {})[result['model']] = result
    return {
        setting: {form: forms[form] for form in FORMS if form in forms}
        for setting, forms in sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))
    }


def _milliseconds(result):
    return spread(1e3 * np.array(result['seconds']))


def _title(form):
    name = form.removesuffix('-int8')
    return f'ms in {NAMES.get(name, name)}' + ', 8 bits' * (name != form)


def _table(setting, forms, rivals):
    side, batch, threads = setting
    title = f'{side}x{side}, batch {batch}, {threads} thread{"s" * (threads > 1)}'
    heads = ['network', 'top-1 at 224, %', 'multiply-adds', *map(_title, forms)]
    rows = []
    for rival in rivals:
        results = [models.get(rival['model']) for models in forms.values()]
        work = next(result['multiply_adds'] for result in results if result) / batch
        rows.append(
            [
                f'{rival["family"]} {rival["name"]}',
                f'{rival["top1"]}',
                f'{work / 1e6:.0f} M',
                *(f'{_milliseconds(result).median:.1f}' if result else '' for result in results),
            ]
        )
    times = [_milliseconds(result) for models in forms.values() for result in models.values()]
    spans = [(time.high - time.low) / time.median for time in times]
    note = (
        f'The quartiles are apart by {np.median(spans):.0%} of the median, '
        f'by {max(spans):.0%} at most.'
    )
    return [f'## {title}', '', *markdown_table(heads, rows), '', note, '']


def sections(rivals, times):
    """list[str]: The lines of docs/rivals.md below its head."""
    lines = [line for item in times.items() for line in _table(*item, rivals)]
    lines += ['## Where the accuracy is from', '']
    for source in dict.fromkeys(rival['source'] for rival in rivals):
        names = [f'{one["family"]} {one["name"]}' for one in rivals if one['source'] == source]
        lines.append(f'- {source}: {", ".join(names)}')
    return lines


def draw(rivals, times):
    """Draw top-1 over multiply-adds and over the time in each form, a line for each family."""
    forms = times[DRAWN]
    first = next(iter(forms.values()))
    panels = {'M multiply-adds': {n: r['multiply_adds'] / 1e6 for n, r in first.items()}}
    for form, models in forms.items():
        panels[_title(form)] = {name: _milliseconds(r).median for name, r in models.items()}
    columns = 3
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 3.8 * rows), layout='constrained')
    for place, (label, values) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        for family in dict.fromkeys(rival['family'] for rival in rivals):
            points = [
                (values[rival['model']], rival['top1'])
                for rival in rivals
                if rival['family'] == family and rival['model'] in values
            ]
            ours = family.startswith('Ghost') and 'timm' not in family
            axes.plot(*zip(*points), marker='o' if ours else 'x', label=family, lw=2 if ours else 1)
        axes.set(xlabel=label, ylabel='top-1 on ImageNet, %')
        scale_by_factors(axes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower center', ncols=5, fontsize=8)
    return figure


def main():
    ArgumentParser(description=__doc__).parse_args()
    rivals, times = read_rivals(), read_times()
    draw(rivals, times).savefig(PICTURE, dpi=110, metadata=dict(Software=None))
    rewrite(PAGE, sections(rivals, times))


if __name__ == '__main__':
    main()
