import importlib.util

import pytest
from helpers import ROOT


@pytest.fixture
def matrix():
    spec = importlib.util.spec_from_file_location('matrix', ROOT / 'tools' / 'test_matrix.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_combination_has_its_versions(matrix):
    for name, combination in matrix.COMBINATIONS.items():
        assert combination.name == name
        assert (ROOT / 'requirements' / 'matrix' / f'{combination.versions}.txt').is_file()


def test_a_missing_python_is_named(matrix):
    combination = matrix.Combination('official', '2.0', 'oldest')
    assert matrix.try_combination(combination, []) == (
        *(False, ''),
        'there is no python2.0 on the PATH',
    )


def test_unknown_combinations_are_refused(matrix, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['test_matrix.py', 'middle'])
    with pytest.raises(SystemExit):
        matrix.main()
    assert "there is no 'middle', but newest-official" in capsys.readouterr().err
