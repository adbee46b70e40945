"""Time networks in several forms and runtimes: ratios first, then times and the machine's floor.

The outputs of forms with the same weights are compared before; if they differ, the exit status
is 1.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

from mmghost.utils.command_line import ArgumentParser, one_line_errors
from mmghost.utils.outputs import check_file

from ..results import ROOT
from ..text import rewrite, rich_table, wide_console
from .forms import FORMS
from .measure import benchmark
from .networks import NETWORKS
from .report import describe, read_benchmarks, sections, tables


def parse_args():
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        '--models',
        nargs='+',
        default=['mmghost.ghostnetv2', 'timm.ghostnetv2'],
        metavar='MODEL',
        help=f'of {", ".join(NETWORKS)}, which give five maps, or configs of whole detectors, '
        'segmentors and classifiers (a file or package::path), of which the raw outputs are taken, '
        'or timm::NAME, a classifier with its branches merged; '
        'ratios are to the last (default: mmghost.ghostnetv2 timm.ghostnetv2)',
    )
    add(
        '--runtimes',
        nargs='+',
        choices=FORMS,
        default=['eager', 'deploy'],
        dest='forms',
        metavar='RUNTIME',
        help=f'of {", ".join(FORMS)} (default: eager deploy)',
    )
    sides = 'sides of the images (default: 224)'
    add('--size', nargs='+', type=int, default=[224], dest='sizes', help=sides)
    add('--batch', type=int, default=1, help='images at once (default: %(default)s)')
    add('--width', type=float, default=1.0, help='factor on the channels (default: %(default)s)')
    add('--threads', type=int, default=1, help='of each runtime (default: %(default)s)')
    add('--rounds', type=int, default=50, help='timed runs of each (default: %(default)s)')
    train = 'time training steps (forward and backward) and measure their memory'
    add('--train', action='store_true', help=train)
    add('--json', metavar='FILE', help='write the results')
    add('--title', help="the results' title in docs/performance.md (default: FILE's name)")
    markdown = 'measure nothing, but write docs/performance.md from research/benchmarks/*.json'
    add('--markdown', action='store_true', help=markdown)
    return parser.parse_args()


def run(file, title, **options):
    if file:
        check_file(file)
    found = benchmark(**options)
    console = wide_console()
    for heading, columns, rows in tables(found):
        console.print(heading, style='bold', highlight=False)
        console.print(rich_table(columns, rows), '')
    console.print(describe(found), highlight=False)
    if file:
        file = Path(file)
        command = shlex.join(['python', '-m', 'research.benchmark', *sys.argv[1:]])
        content = dict(title=title or file.stem.replace('-', ' '), command=command, **found)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=1) + '\n')


def main():
    args = vars(parse_args())
    markdown, file = args.pop('markdown'), args.pop('json')
    with one_line_errors():
        if markdown:
            rewrite(ROOT / 'docs' / 'performance.md', sections(read_benchmarks()))
        else:
            run(file, **args)


if __name__ == '__main__':
    main()
