"""Print the papers' tables beside what is measured here.

The exit status is 1 if a cell that once agreed no longer does.
"""

import sys
from pathlib import Path

from mmghost.analysis import measure_tables, summarise, to_markdown, to_rich
from mmghost.benchmark import read_benchmarks
from mmghost.utils.argument_parser import ArgumentParser
from mmghost.utils.mistakes import mistakes_named
from mmghost.utils.wide_console import wide_console

ROOT = Path(__file__).resolve().parent.parent


def parse_args():
    parser = ArgumentParser(description=__doc__)
    parser.add_argument('--paper', choices=('GhostNet', 'GhostNetV2'), help='default: both')
    parser.add_argument('--table', type=int, help='tables of this number only (default: all)')
    parser.add_argument('--markdown', action='store_true', help='write docs/tables.md')
    return parser.parse_args()


def main():
    args = parse_args()
    if args.markdown and (args.paper or args.table is not None):
        sys.exit('error: --markdown writes all tables: leave --paper and --table out.')
    with mistakes_named():
        tables = measure_tables(
            ROOT / 'configs',
            ROOT / 'results',
            args.paper,
            args.table,
            read_benchmarks(ROOT / 'docs' / 'benchmarks'),
        )
    console = wide_console()
    for table in tables:
        console.print(to_rich(table))
    console.print(summarise(tables), highlight=False)
    if args.markdown:
        page = ROOT / 'docs' / 'tables.md'
        page.parent.mkdir(exist_ok=True)
        page.write_text(to_markdown(tables))
    lost = [
        f'{table.paper}, Table {table.number}, {row.name}: {column} no longer agrees'
        for table in tables
        for row in table.rows
        for column in row.lost
    ]
    if lost:
        sys.exit('\n'.join(lost))


if __name__ == '__main__':
    main()
