import re
import subprocess
import sys
import zipfile
from importlib import metadata

import pytest
from documents import blocks
from helpers import CONFIGS, ROOT, configs_below
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE

from mmghost.compat import ONEDL, SUPPORTED, check_versions


def run_python(code, **variables):
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, **variables
    )


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    command = [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-q']
    done = subprocess.run([*command, '-w', folder, ROOT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not list(ROOT.glob('*.egg-info'))  # it would hide the installed one from the clone
    return next(folder.glob('mmghost-*.whl'))


@pytest.fixture(scope='module')
def installed(request, tmp_path_factory):
    """The folder that a wheel is installed in, by the name of its fixture."""
    folder = tmp_path_factory.mktemp('installed')
    command = [sys.executable, '-m', 'pip', 'install', '--no-deps', '--no-index', '-q']
    subprocess.run(
        [*command, '--target', folder, request.getfixturevalue(request.param)], check=True
    )
    return folder


@pytest.fixture(scope='module')
def editable_wheel(tmp_path_factory):
    """The wheel that ``pip install -e`` unpacks beside the metadata."""
    folder = tmp_path_factory.mktemp('editable')
    code = f'from setuptools.build_meta import build_editable; build_editable({str(folder)!r})'
    done = run_python(code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return next(folder.glob('mmghost-*.whl'))


@pytest.mark.parametrize('kind', ['wheel', 'editable_wheel'])
def test_wheel_ships_the_zoo_and_the_users_tools(kind, request):
    archive = zipfile.ZipFile(request.getfixturevalue(kind))
    names = {n.removeprefix('mmghost/.mim/') for n in archive.namelist() if '/.mim/' in n}
    zoo = {path for path in ROOT.glob('configs/**/*') if path.suffix in ('.py', '.yml', '.md')}
    tools = {*ROOT.glob('tools/**/*.py')} - {
        ROOT / 'tools/setup_env.py',
        ROOT / 'tools/test_matrix.py',
    }
    shipped = {str(path.relative_to(ROOT)) for path in zoo | tools}
    assert names == shipped | {'model-index.yml'}


def test_wheel_holds_only_the_package(wheel):
    assert wheel.stat().st_size < 2**20
    names = {name.split('/')[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert len(names) == 2 and 'mmghost' in names  # and the metadata


def test_wheel_requires_neither_torch_nor_mmcv(wheel):
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith('METADATA'))
    required = [
        line.split(':')[1].split()[0]
        for line in archive.read(name).decode().splitlines()
        if line.startswith('Requires-Dist') and 'extra' not in line
    ]
    assert required == ['numpy', 'rich']


FIND_CONFIGS = (
    'from mim.utils import get_installed_path; print(get_installed_path("mmghost"));'
    'from mim.commands.search import get_model_info; print(len(get_model_info("mmghost")))'
)
ON_ONEDL = MODULE2PACKAGE['mmdet'] == ONEDL['mmdet']
mim_reads_wheels = pytest.mark.skipif(
    ON_ONEDL,
    reason="OneDL's mim takes the folder of the metadata for that of a package named as its module",
)


@pytest.mark.skipif(not ON_ONEDL, reason='make setup-onedl installs mmghost, as editable')
def test_onedls_mim_finds_an_editable_installation():
    found = run_python(FIND_CONFIGS, cwd=ROOT.parent)
    configs = configs_below(CONFIGS)
    assert found.stdout.split() == [str(ROOT), str(len(configs))], found.stderr


@mim_reads_wheels
@pytest.mark.parametrize(
    'installed',
    ['wheel', pytest.param('editable_wheel', marks=pytest.mark.slow)],
    indirect=True,
)
def test_mim_finds_an_installed_wheel(installed, tmp_path):
    """And downloads a config beside its weights, which are there, as there is no network."""
    name = 'ghostnetv2-1.0x_8xb128_in1k'
    weights = tmp_path / 'got' / 'ck_ghostnetv2_10.pth.tar'
    weights.parent.mkdir()
    weights.touch()
    code = f'from mim.commands.download import download; download("mmghost", ["{name}"], "got")'
    found = run_python(f'{FIND_CONFIGS}; {code}', env={'PYTHONPATH': str(installed)}, cwd=tmp_path)
    configs = len(configs_below(CONFIGS))
    assert found.returncode == 0, found.stderr
    assert found.stdout.split()[:2] == [str(installed / 'mmghost'), str(configs)]
    config = Config.fromfile(weights.with_name(f'{name}.py'))
    assert config.model.backbone.type == 'mmghost.GhostNetV2'


BASE = 'mmghost::detection/yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'
READ = "from mmengine.config import Config; Config.fromfile('{}.py')"
BY_NAME = f"from mmengine.hub import get_config; get_config('{BASE}')"


@pytest.mark.parametrize('installed', ['wheel'], indirect=True)
def test_configs_of_an_installed_wheel(installed, tmp_path):
    """As bases and for mmpretrain's list, as docs/use.md has them.

    Of mim it is the tool of its package that reads the config.
    """
    (tmp_path / 'plain.py').write_text(f"_base_ = '{BASE}'")
    (tmp_path / 'importing.py').write_text(f"_base_ = __import__('mmghost') and '{BASE}'")
    where = dict(env={'PYTHONPATH': str(installed)}, cwd=tmp_path)
    listed = next(b.text for b in blocks('python') if b.text.startswith('from importlib.metadata'))
    plain = f'import mmghost; {BY_NAME}; {READ.format("plain")}\n{listed}'
    for code in (plain, READ.format('importing')):
        done = run_python(code, **where)
        assert done.returncode == 0, done.stderr
    tool = installed / 'mmghost' / '.mim' / 'tools' / 'train.py'
    command = [sys.executable, '-W', 'ignore', tool, 'plain.py', '--help']
    done = subprocess.run(command, capture_output=True, text=True, **where)
    assert done.returncode == 0 and '--resume' in done.stdout, done.stderr


def test_versions_are_checked_by_the_import():
    failed = run_python('import mmcv; mmcv.__version__ = "3.0.0"; import mmghost')
    assert failed.returncode != 0
    message = failed.stderr.strip().splitlines()[-1]
    assert message == 'ImportError: mmcv 3.0.0 is installed: mmghost takes mmcv >=2.0.0, <2.4.0.'


@pytest.mark.parametrize(('package', 'version'), [('torch', '2.5.1'), ('mmengine', '0.8.2')])
def test_unsupported_versions_are_named(package, version, monkeypatch):
    monkeypatch.setattr(f'{package}.__version__', version)
    with pytest.raises(
        ImportError, match=f'^{package} {version} is installed: mmghost takes .* >='
    ):
        check_versions()


def test_unsupported_pythons_are_named(wheel, monkeypatch):
    monkeypatch.setattr('platform.python_version', lambda: '3.9.18')
    message = 'python 3.9.18 is installed: mmghost takes python >=3.10, <3.13.'
    with pytest.raises(ImportError, match=f'^{re.escape(message)}$'):
        check_versions()
    archive = zipfile.ZipFile(wheel)
    name = next(name for name in archive.namelist() if name.endswith('METADATA'))
    stated = re.search('Requires-Python: (.*)', archive.read(name).decode())[1]
    oldest, too_new = SUPPORTED['python']
    assert set(stated.split(',')) == {f'>={oldest}', f'<{too_new}'}


@pytest.mark.parametrize('package', ['mmcv', 'mmengine'])
def test_missing_packages_are_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match=f'^{package} is not installed: mmghost takes {package} >='
    ):
        check_versions()


def test_pinned_versions_are_installed():
    """What runs these tests is the set that requirements claims was tested."""
    stack = 'onedl' if ON_ONEDL else 'official'
    files = [ROOT / 'requirements' / name for name in ('torch.txt', f'{stack}/openmmlab.txt')]
    names = {name for file in files for name in file.read_text().split('\n') if name[:1].isalpha()}
    names |= {(ROOT / 'requirements' / stack / 'mmcv.txt').read_text().strip()}
    lines = [
        line
        for folder in ('.', stack)
        for line in (ROOT / 'requirements' / folder / 'constraints.txt').read_text().splitlines()
    ]
    pins = dict(line.split('==') for line in lines if '==' in line and ';' not in line)
    assert {name: metadata.version(name) for name in names} == {name: pins[name] for name in names}
