import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture
def setup_env():
    spec = importlib.util.spec_from_file_location('setup_env', ROOT / 'tools' / 'setup_env.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STACKS = ('official', 'onedl')
MATRIX = sorted((ROOT / 'requirements' / 'matrix').glob('*.txt'))


def versions(setup_env, minor, stack='official', more=None):
    """Evaluate the pinned versions as pip does for Python 3.``minor``."""
    lines = [line for lines in setup_env.read_constraints(stack, more).values() for line in lines]
    found = {}
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or marker.evaluate({'python_version': f'3.{minor}'}):
            name = canonicalize_name(requirement.name)
            assert name not in found
            found[name] = str(requirement.specifier).removeprefix('==')
    return found


@pytest.mark.parametrize('stack', STACKS)
@pytest.mark.parametrize('minor', [10, 11, 12])
def test_everything_required_is_pinned(setup_env, minor, stack):
    of_a_stack = [f'{stack}/{name}' for name in ('openmmlab', 'mim', 'mmcv')]
    for name in ('build', *setup_env.LISTS, *of_a_stack):
        lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
        names = {line for line in lines if not line.startswith('#')}
        assert names and names <= versions(setup_env, minor, stack).keys()


def test_the_stacks_share_everything_but_the_mm_packages(setup_env):
    official, onedl = (versions(setup_env, 11, stack) for stack in STACKS)
    assert all(onedl[name] == official[name] for name in official.keys() & onedl.keys())
    assert {name for name in official.keys() - onedl.keys() if not name.startswith('mm')} == {
        'openmim'
    }


@pytest.mark.parametrize('file', MATRIX, ids=lambda path: path.stem)
def test_the_matrix_changes_the_set(setup_env, file):
    pins, changed = (versions(setup_env, 11, 'official', more) for more in (None, file))
    assert pins['torch'] != changed['torch']
    assert pins['ruff'] == changed['ruff']


def test_no_environment_has_both_stacks(setup_env, tmp_path, monkeypatch):
    environment = setup_env.Environment(tmp_path)
    monkeypatch.setattr(environment, 'output', lambda code: 'numpy mmcv')
    setup_env.check_stack(environment, 'official')
    with pytest.raises(setup_env.SetupError, match='has mmcv of the official stack'):
        setup_env.check_stack(environment, 'onedl')


@pytest.mark.parametrize(('torch', 'standard'), [('2.13.0', 'c++17'), ('2.14.0', 'c++20')])
def test_mmcv_is_compiled_as_torch_asks(setup_env, tmp_path, torch, standard):
    script = tmp_path / 'setup.py'
    script.write_text("args = ['-std=c++14'] if old else ['-std=c++17']\n")
    setup_env.raise_standard(script, torch)
    assert script.read_text() == f"args = ['-std={standard}'] if old else ['-std={standard}']\n"


def test_pins_follow_python(setup_env):
    old, new = (versions(setup_env, minor) for minor in (10, 12))
    assert old['numpy'] != new['numpy']
    assert old['torch'] == new['torch'] == '2.12.1'


def test_the_environment_at_hand_is_sound(setup_env):
    environment = setup_env.Environment(ROOT / 'no-venv')
    environment.python, environment.folder = Path(sys.executable), ROOT
    assert environment.error(setup_env.PROOF_MMCV) is None


def test_an_environment_that_was_moved_is_not_sound(setup_env, tmp_path):
    subprocess.run([sys.executable, '-m', 'venv', tmp_path / 'env'], check=True)
    assert setup_env.Environment(tmp_path / 'env').is_sound()
    (tmp_path / 'env').rename(tmp_path / 'moved')
    assert not setup_env.Environment(tmp_path / 'moved').is_sound()


def test_the_wheel_key_names_the_very_torch(setup_env):
    class Fake:
        def __init__(self, tag):
            self.tag = tag

        def output(self, *args):
            return self.tag

    assert setup_env.wheel_key(Fake('torch2.12.1'), {'onedl-mmcv': ['onedl-mmcv==2.3.6']}) == (
        'onedl-mmcv2.3.6-torch2.12.1'
    )
    keys = {
        setup_env.wheel_key(Fake(tag), {'mmcv': ['mmcv==2.1.0']})
        for tag in ('torch2.12.1+cpu-cp311', 'torch2.12.1+cu130-cp311', 'torch2.12.1+cpu-cp312')
    }
    assert len(keys) == 3
    assert all(key.startswith('mmcv2.1.0-torch2.12.1+') for key in keys)


@pytest.fixture
def cached(setup_env, tmp_path, monkeypatch):
    """A wheel in the cache that does not install, what was tried, and an environment."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setattr(setup_env, 'wheel_key', lambda env, pins: 'torch+cpu')
    bad = tmp_path / 'mmghost/wheels/torch+cpu/mmcv-2.1.0-cp311-cp311-linux_x86_64.whl'
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b'cut short')
    tried = []

    def install(env, wheel):
        tried.append(wheel)
        if wheel == bad:
            raise setup_env.SetupError('undefined symbol')

    monkeypatch.setattr(setup_env, 'install_wheel', install)
    monkeypatch.setattr(setup_env, 'compile_mmcv', lambda env, pins, key: 'compiled')
    return bad, tried, setup_env.Environment(tmp_path / 'env')


def test_a_bad_wheel_in_the_cache_is_refused_and_removed(setup_env, cached):
    bad, tried, environment = cached
    setup_env.install_mmcv(environment, {'mmcv': ['mmcv==2.1.0']})
    assert tried == [bad, 'compiled']
    assert not bad.exists()


def test_mmcv_for_this_torch_stays_as_it_is(setup_env, cached, monkeypatch):
    bad, tried, environment = cached
    monkeypatch.setattr(environment, 'output', lambda code: bad.as_uri())
    setup_env.install_mmcv(environment, {'mmcv': ['mmcv==2.1.0']})
    assert tried == []
    setup_env.install_mmcv(environment, {'mmcv': ['mmcv==2.1.0']}, '--force-reinstall')
    assert tried == [bad, 'compiled']


@pytest.mark.parametrize('version', [(3, 9), (3, 13)])
def test_unsupported_python(setup_env, monkeypatch, version):
    monkeypatch.setattr(setup_env.sys, 'version_info', (*version, 0))
    with pytest.raises(setup_env.SetupError, match='from 3.10, below 3.13, are'):
        setup_env.check_python()


def test_another_archive_is_refused(setup_env, tmp_path):
    archive = tmp_path / 'mmcv-2.1.0.tar.gz'
    archive.write_bytes(b'not what was pinned')
    with pytest.raises(setup_env.SetupError, match='SHA-256 of mmcv-2.1.0.tar.gz is'):
        setup_env.check_sha256(archive)


def test_the_pinned_archive_has_a_checksum(setup_env):
    checksums = setup_env.CHECKSUMS.read_text()
    for file in (None, *MATRIX):
        assert f'mmcv-{versions(setup_env, 11, more=file)["mmcv"]}.tar.gz' in checksums
    onedls = versions(setup_env, 11, 'onedl')['onedl-mmcv']
    assert f'onedl_mmcv-{onedls}.tar.gz' in checksums


def test_too_little_disk(setup_env, tmp_path):
    with pytest.raises(setup_env.SetupError, match='too little disk space: 100000000 GB'):
        setup_env.check_disk(tmp_path / 'not' / 'yet', 100_000_000)


def test_no_compiler(setup_env, monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(setup_env.SetupError, match='no C.. compiler .no-such-compiler'):
        setup_env.check_compiler()


def test_no_network(setup_env, monkeypatch):
    for name, value in {
        'PIP_CONFIG_FILE': '/dev/null',
        'PIP_FIND_LINKS': '',
        'PIP_EXTRA_INDEX_URL': '',
        'PIP_INDEX_URL': 'http://127.0.0.1:9/simple',
    }.items():
        monkeypatch.setenv(name, value)
    environment = setup_env.Environment(ROOT / 'no-venv')
    environment.python, environment.folder = Path(sys.executable), ROOT
    with pytest.raises(setup_env.SetupError, match='no network'):
        setup_env.check_network(environment)


def test_other_folders_are_not_taken_for_an_environment(setup_env, tmp_path):
    (tmp_path / 'thesis.tex').write_text('x')
    with pytest.raises(setup_env.SetupError, match='no virtual environment'):
        setup_env.set_up(setup_env.Environment(tmp_path), 'official')
    assert (tmp_path / 'thesis.tex').exists()


@pytest.mark.parametrize('asked', [None, 'python3'])
def test_make_keeps_the_python_of_the_environment(tmp_path, asked):
    python = tmp_path / 'bin' / 'python3.10'
    python.parent.mkdir()
    python.touch()
    (tmp_path / '.venv').mkdir()
    settings = f'home = {python.parent}\nversion = 3.10.13\nexecutable = {python}\n'
    (tmp_path / '.venv' / 'pyvenv.cfg').write_text(settings)
    options = [f'PYTHON={asked}'] if asked else []
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHON'}
    planned = subprocess.run(
        ['make', '-n', '-C', tmp_path, '-f', ROOT / 'Makefile', 'setup', *options],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert f'{asked or python} tools/setup_env.py' in planned.stdout
