"""Reproduce tables: train, test and record every row that has its data.

Run it again after an interruption: finished rows are kept, the others go on where they were. The
exit status is 1 if a row that was asked for is not recorded at the end.
"""

import argparse
import sys
from pathlib import Path

from mmghost.reproduce import Launch, reproduce, table_names
from mmghost.reproduce.launch import LAUNCHERS
from mmghost.utils.argument_parser import ArgumentParser
from mmghost.utils.mistakes import mistakes_named

ROOT = Path(__file__).resolve().parent.parent
STOPPED = 130


def parse_args():
    parser = ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'tables',
        nargs='+',
        metavar='TABLE',
        help=f'of {", ".join(table_names())}; v2-3 is Table 3 of GhostNetV2',
    )
    parser.add_argument(
        '--data-root',
        default='data',
        help='where coco/, ade/, imagenet/, cifar10/ and what is made here are (default: '
        '%(default)s)',
    )
    parser.add_argument(
        '--rows', nargs='+', help='numbers from 1 on, or parts of names (default: all)'
    )
    parser.add_argument('--seeds', nargs='+', type=int, help="default: the table's")
    parser.add_argument(
        '--work-dir',
        default='work_dirs/reproduce',
        help='where checkpoints and logs go (default: %(default)s)',
    )
    parser.add_argument(
        '--results', default=ROOT / 'results', help="where results go (default: mmghost's results/)"
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace what was made with other content of its config',
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='print the plan, with commands and an estimate'
    )
    group = parser.add_argument_group("mim's launchers")
    group.add_argument('--launcher', choices=LAUNCHERS, default='none', help='default: %(default)s')
    group.add_argument('--gpus', type=int, default=1, help='processes (default: %(default)s)')
    group.add_argument('--gpus-per-node', type=int, help="Slurm's")
    group.add_argument('--cpus-per-task', type=int, help="Slurm's")
    group.add_argument('--partition', help="Slurm's")
    group.add_argument('--srun-args', help="further words for srun, as one: '--time=2-0'")
    return parser.parse_args()


def main():
    args = vars(parse_args())
    launch = Launch(**{name: args.pop(name) for name in Launch._fields})
    args['work_dirs'] = args.pop('work_dir')
    try:
        with mistakes_named():
            complete = reproduce(args.pop('tables'), ROOT / 'configs', launch=launch, **args)
    except KeyboardInterrupt:
        print('Stopped; the same command goes on from here.', file=sys.stderr)
        sys.exit(STOPPED)
    sys.exit(0 if complete else 1)


if __name__ == '__main__':
    main()
