import re
import runpy
import shlex
import sys

import pytest
from helpers import CONFIGS, ROOT

from mmghost.reproduce import Launch, find_table, table_names
from mmghost.reproduce.run import run_name
from mmghost.reproduce.tables import choose_rows


def test_every_table_can_be_named():
    assert len(table_names()) == len(set(table_names())) == 21
    for name in table_names():
        table = find_table(name)
        for row in table.rows:
            named = [row.config, *([row.pretrained] if row.pretrained else [])]
            assert all('::' in one or (CONFIGS / one).is_file() for one in named)


def test_runs_have_names_of_their_own():
    named = {}
    for table in map(find_table, table_names()):
        for row in table.rows:
            same = named.setdefault(run_name(row, 0), (row.config, row.options))
            assert same == (row.config, row.options)


@pytest.mark.parametrize(('name', 'nearest'), [('v2-33', 'v2-3'), ('fashion-minst', '-mnist')])
def test_nearest_table_is_named(name, nearest):
    with pytest.raises(ValueError, match=rf'did you mean .*{nearest}.; there are v1-3, .*transfer'):
        find_table(name)


def test_rows_by_number_and_by_name():
    table = find_table('v2-3')
    assert choose_rows(table, None) == list(table.rows)
    assert [row.name for row in choose_rows(table, ['ghostnetv2', '1'])] == [
        'MobileNetV2 1.0x, 320x320',
        'GhostNetV2 1.0x, 320x320',
        'GhostNetV2 1.0x, 416x416',
    ]
    with pytest.raises(ValueError, match="v2-3 has no row '7', but 1 MobileNetV2"):
        choose_rows(table, ['7'])


def test_launchers():
    assert Launch().words() == []
    several = Launch('pytorch', 4)
    several.check()
    assert several.words() == ['--launcher', 'pytorch', '--gpus', '4']
    slurm = Launch('slurm', 16, 8, partition='gpu', srun_args='--time=2-0')
    slurm.check()
    assert slurm.words()[2:] == [
        *('--gpus', '16', '--gpus-per-node', '8'),
        *('--partition', 'gpu', '--srun-args', '--time=2-0'),
    ]


def test_documented_commands_are_understood(monkeypatch):
    parse_args = runpy.run_path(str(ROOT / 'tools' / 'reproduce.py'))['parse_args']
    text = (ROOT / 'docs' / 'reproduce.md').read_text()
    commands = re.findall(r'^python (tools/reproduce.py .*)$', text, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        monkeypatch.setattr(sys, 'argv', shlex.split(command))
        args = vars(parse_args())
        for table in args['tables']:
            choose_rows(find_table(table), args['rows'])
        Launch(**{name: args[name] for name in Launch._fields}).check()
