"""Run the tests with the oldest and the newest versions that can be had, each in its environment.

Uses Python's standard library alone, as tools/setup_env.py does, which makes the environments from
the versions in requirements/matrix. What an interrupted run has set up is used again.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ('torch', 'torchvision', 'numpy', 'mmengine', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain')
AS_PINNED = ('--deselect', 'tests/test_package.py::test_pinned_versions_are_installed')
VERSIONS = f"""
from importlib import import_module
print(*(f'{{name}} {{import_module(name).__version__}}' for name in {PACKAGES}), sep=', ')
"""


class Combination(NamedTuple):
    """A stack, a Python, and the file in requirements/matrix that has its versions."""

    stack: str
    python: str
    versions: str

    @property
    def name(self):
        return f'{self.versions}-{self.stack}'

    @property
    def venv(self):
        return ROOT / f'.venv-{self.name}'


COMBINATIONS = {
    combination.name: combination
    for combination in (
        Combination('official', '3.12', 'newest'),
        Combination('official', '3.10', 'oldest'),
    )
}


def run(*command, **options):
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=ROOT, text=True, **options)


def try_combination(combination, pytest_options):
    """Set a combination up and run the tests in it.

    Returns:
        tuple[bool, str, str]: Whether all passed, the versions, and the result in a line.
    """
    python = f'python{combination.python}'
    try:
        found = run(python, '--version', capture_output=True).returncode == 0
    except FileNotFoundError:
        found = False
    if not found:
        return False, '', f'there is no {python} on the PATH'
    versions = ROOT / 'requirements' / 'matrix' / f'{combination.versions}.txt'
    options = ('--stack', combination.stack, '--venv', combination.venv, '--constraints', versions)
    setup = run(python, 'tools/setup_env.py', *options, stderr=subprocess.PIPE)
    if setup.returncode:
        return False, '', (setup.stderr.strip().splitlines() or ['the set-up failed'])[-1]
    python = combination.venv / 'bin' / 'python'
    installed = run(python, '-W', 'ignore', '-c', VERSIONS, capture_output=True)
    tests = run(python, '-m', 'pytest', '-q', *AS_PINNED, *pytest_options, stdout=subprocess.PIPE)
    (combination.venv / 'tests.log').write_text(tests.stdout)
    result = (tests.stdout.strip().splitlines() or [f'exit status {tests.returncode}'])[-1]
    return tests.returncode == 0, installed.stdout.strip(), result.strip('= ')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'names', nargs='*', metavar='NAME', help=f'of {", ".join(COMBINATIONS)}; default: all'
    )
    parser.add_argument(
        '--pytest',
        default=f'--numprocesses {len(os.sched_getaffinity(0))}',
        metavar='OPTIONS',
        help='default: %(default)s',
    )
    args = parser.parse_args()
    unknown = set(args.names) - set(COMBINATIONS)
    if unknown:
        parser.error(f'there is no {min(unknown)!r}, but {", ".join(COMBINATIONS)}.')
    rows, all_passed = [], True
    for name in args.names or COMBINATIONS:
        combination = COMBINATIONS[name]
        print(f'--- {name}: Python {combination.python}', flush=True)
        passed, versions, result = try_combination(combination, args.pytest.split())
        all_passed &= passed
        rows.append(
            f'{name}: {result}\n    Python {combination.python}, {versions or "not set up"}'
        )
    print('\n'.join(['', *rows]))
    sys.exit(not all_passed)


if __name__ == '__main__':
    main()
