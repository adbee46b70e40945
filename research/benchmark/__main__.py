"""Time networks in several forms and runtimes: ratios first, then times and the machine's floor.

The outputs of forms with the same weights are compared before; if they differ, the exit status
is 1.
"""

import argparse
import json
import re
import shlex
import sys
from pathlib import Path

from mmghost.utils.command_line import ArgumentParser, one_line_errors

from ..wide_console import wide_console
from .forms import FORMS
from .measure import benchmark
from .networks import NETWORKS
from .report import (
    BENCHMARKS,
    check_results_file,
    describe,
    read_benchmarks,
    tables,
    to_markdown,
    to_rich,
)

PAGE = BENCHMARKS.parent.parent / 'docs' / 'performance.md'


def size(text):
    match = re.fullmatch(r'(\d+)(?:x(\d+))?', text)
    if match is None:
        raise argparse.ArgumentTypeError(f'a size is such as 224 or 320x480, not {text!r}')
    return int(match[1]), int(match[2] or match[1])


def parse_args():
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--models',
        nargs='+',
        default=['mmghost.ghostnetv2', 'timm.ghostnetv2'],
        metavar='MODEL',
        help=f'of {", ".join(NETWORKS)}, which give five maps, or configs of whole detectors, '
        'segmentors and classifiers (a file or package::path), of which the raw outputs are taken '
        '(default: mmghost.ghostnetv2 timm.ghostnetv2)',
    )
    parser.add_argument(
        '--runtimes',
        nargs='+',
        default=['eager', 'deploy'],
        metavar='RUNTIME',
        help=f'of {", ".join(FORMS)} (default: eager deploy)',
    )
    parser.add_argument('--against', help='the model of the ratios (default: the last of MODELS)')
    parser.add_argument(
        '--size',
        nargs='+',
        type=size,
        default=[(224, 224)],
        metavar='HxW',
        help='such as 224 or 320x480 (default: 224)',
    )
    parser.add_argument('--batch', nargs='+', type=int, default=[1], help='default: 1')
    parser.add_argument(
        '--width', type=float, default=1.0, help='factor on the channels (default: %(default)s)'
    )
    parser.add_argument(
        '--threads', type=int, default=1, help='of each runtime (default: %(default)s)'
    )
    parser.add_argument(
        '--rounds', type=int, default=50, help='timed runs of each (default: %(default)s)'
    )
    parser.add_argument('--device', default='cpu', help='cpu or cuda (default: %(default)s)')
    parser.add_argument(
        '--train',
        action='store_true',
        help='time training steps (forward and backward) and measure their memory',
    )
    parser.add_argument('--json', metavar='FILE', help='write the results')
    parser.add_argument(
        '--title', help="the results' title in docs/performance.md (default: FILE's name)"
    )
    parser.add_argument(
        '--markdown',
        action='store_true',
        help='measure nothing, but write docs/performance.md from research/benchmarks/*.json',
    )
    return parser.parse_args()


def run(args):
    if args.json:
        check_results_file(args.json)
    found = benchmark(
        args.models,
        args.runtimes,
        args.size,
        args.batch,
        args.width,
        args.against,
        args.threads,
        args.rounds,
        args.train,
        args.device,
    )
    console = wide_console()
    for table in tables(found):
        console.print(to_rich(table))
    console.print(describe(found), highlight=False)
    if args.json:
        file = Path(args.json)
        title = args.title or file.stem.replace('-', ' ')
        command = shlex.join(['python', '-m', 'research.benchmark', *sys.argv[1:]])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(dict(title=title, command=command, **found), indent=1) + '\n')


def main():
    args = parse_args()
    with one_line_errors():
        if args.markdown:
            PAGE.write_text(to_markdown(read_benchmarks()))
        else:
            run(args)


if __name__ == '__main__':
    main()
