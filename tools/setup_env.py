"""Make the environment that mmghost is developed and tested in, or mend it.

Runs before anything is installed, so it uses Python's standard library alone. What is installed
already is left to pip, which skips it; the compiled mmcv is kept in a cache. The versions stand in
requirements/constraints.txt; those of the mm packages in requirements/official and
requirements/onedl, a folder a stack.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / 'requirements'
CHECKSUMS = REQUIREMENTS / 'mmcv.sha256'
STACKS = {'official': '.venv', 'onedl': '.venv-onedl'}  # and where their environments go
LISTS = ('torch', 'undeclared', 'runtime', 'onnx', 'openvino', 'tests')
SUPPORTED = runpy.run_path(str(ROOT / 'mmghost' / 'compat.py'))['SUPPORTED']
PYTHON = f'{sys.version_info[0]}.{sys.version_info[1]}'
ENV_GB, COMPILE_GB = 11, 2  # free space needed by torch and the rest, and by the compile

PROOF_MMCV = r"""
import torch
from mmcv.ops import nms
boxes = torch.tensor([[0., 0., 10., 10.], [1., 1., 10., 10.], [20., 20., 30., 30.]])
kept = nms(boxes, torch.tensor([.9, .8, .7]), .5)[1].tolist()
assert kept == [0, 2], f'NMS kept {kept}'
"""

PROOF_ALL = (
    PROOF_MMCV
    + r"""
import torchvision
assert torchvision.ops.nms(boxes, torch.tensor([.9, .8, .7]), .5).tolist() == [0, 2]
from mmdet.models import YOLOV3
from mmseg.models import EncoderDecoder
from mmpretrain.models import ImageClassifier
import mmghost, mim, timm, pytest, fvcore
import onnxruntime, onnxscript, openvino
"""
)

PROBE_STACK = r"""
from importlib.metadata import distributions
print(*(dist.metadata['Name'] for dist in distributions()))
"""

PROBE_WHEEL = r"""
from importlib.metadata import distribution
import json
print(json.loads(distribution('{name}').read_text('direct_url.json'))['url'])
"""

PROBE_TORCH = r"""
import platform, sys, torch
ops = 'cuda' if torch.cuda.is_available() else 'cpu'
python = f'cp{sys.version_info[0]}{sys.version_info[1]}'
print(f'torch{torch.__version__}-{python}-{platform.machine()}-{ops}')
"""


class SetupError(Exception):
    """What is missing, in one line."""


def say(text):
    print(text, flush=True)


def canonical(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def read_constraints(stack, more=None):
    """Read the pinned versions, the lines of each package; those in ``more`` replace others."""
    pins = {}
    for file in (REQUIREMENTS / 'constraints.txt', REQUIREMENTS / stack / 'constraints.txt', more):
        lines = {}
        for line in file.read_text().splitlines() if file else ():
            if name := re.match(r'[\w.-]+', line):
                lines.setdefault(canonical(name[0]), []).append(line)
        pins.update(lines)
    return pins


def version_of(pins, name):
    return pins[name][0].split('==')[1]


def mmcv_version(pins):
    """Return the name under which the stack's mmcv is distributed, and its version."""
    name = 'mmcv' if 'mmcv' in pins else 'onedl-mmcv'
    return name, version_of(pins, name)


def check_sha256(path):
    """Refuse a downloaded archive that is not the one of requirements/mmcv.sha256."""
    known = {name: digest for digest, name in map(str.split, CHECKSUMS.read_text().splitlines())}
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if known.get(path.name) != found:
        raise SetupError(
            f'the SHA-256 of {path.name} is {found}, not that of {CHECKSUMS.name}: it was damaged '
            'or changed on its way.'
        )


def cache_folder():
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'mmghost'


@contextlib.contextmanager
def locked(path, waiting):
    """Hold an exclusive lock, which ends with the process however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Environment:
    """The virtual environment, and the commands run in it."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / 'bin' / 'python'
        self.logs = folder / 'setup-logs'
        misleading = ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_USER')
        self.variables = {k: v for k, v in os.environ.items() if k not in misleading}
        self.variables.update(
            PYTHONNOUSERSITE='1',
            PIP_DISABLE_PIP_VERSION_CHECK='1',
            PIP_NO_INPUT='1',
            VIRTUAL_ENV=str(folder),
            PATH=f'{folder / "bin"}{os.pathsep}{os.environ.get("PATH", "")}',
        )

    def is_sound(self):
        """Tell whether it has this Python and pip, and was made where it is now."""
        pip = self.folder / 'bin' / 'pip'  # the scripts that pip makes name the folder
        here = pip.exists() and f'{self.folder}/' in pip.read_text()
        python = self.output('import pip, sys; print("%d.%d" % sys.version_info[:2])')
        return here and python == PYTHON

    def execute(self, *args):
        """Run Python in the environment, away from this folder's modules."""
        command = [self.python, '-W', 'ignore', *args]
        options = dict(capture_output=True, text=True, cwd=self.folder, env=self.variables)
        return subprocess.run(command, **options)

    def output(self, code):
        """Run code; return what it prints, or None if it failed."""
        if not self.python.exists():
            return None
        done = self.execute('-c', code)
        return None if done.returncode else done.stdout.strip()

    def error(self, code):
        """Run code; return the last line of its error, None if it ran."""
        done = self.execute('-c', code)
        if done.returncode == 0:
            return None
        return (done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]

    def run(self, log_name, command, **variables):
        """Run a command, its output in a log; show that it lives, and its end if it fails."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f'{log_name}.log'
        started = reported = time.monotonic()
        with open(log, 'w') as file:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                errors='replace',
                env={**self.variables, **variables},
                cwd=ROOT,
            )
            for line in process.stdout:
                file.write(line)
                if line.strip() and time.monotonic() - reported > 20:
                    reported = time.monotonic()
                    say(f'      {reported - started:.0f} s: {line.strip()[:80]}')
            code = process.wait()
        if code:
            tail = log.read_text(errors='replace').strip().splitlines()
            errors = [line for line in tail if line.lower().startswith('error')] or tail[-1:]
            raise SetupError(f'{errors[-1] if errors else "it failed"} (the whole log: {log})')

    def pip(self, log_name, *args, **variables):
        self.run(log_name, [self.python, '-m', 'pip', *args], **variables)


# ------------------------------------------------------------------------------- preflight


def check_python():
    oldest, too_new = SUPPORTED['python']
    minors = [int(version.split('.')[1]) for version in (oldest, too_new)]
    if not (3, minors[0]) <= sys.version_info[:2] < (3, minors[1]):
        raise SetupError(
            f'Python {sys.version_info[0]}.{sys.version_info[1]} is not supported: from {oldest}, '
            f'below {too_new}, are; choose one with PYTHON=, for example make setup '
            'PYTHON=python3.11.'
        )
    if sys.platform != 'linux':
        raise SetupError(f'the set-up is made for Linux, not {sys.platform}.')
    for module in ('venv', 'ensurepip'):
        try:
            __import__(module)
        except ImportError:
            raise SetupError(
                f"Python's {module} module is missing: on Debian or Ubuntu, "
                f'apt-get install python{PYTHON}-venv.'
            ) from None


def check_disk(folder, gigabytes):
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise SetupError(
            f'too little disk space: {gigabytes} GB are needed in {folder}, {free:.1f} GB are free.'
        )


def check_network(env):
    """Fetch one small wheel the way pip is configured to."""
    with tempfile.TemporaryDirectory() as folder:
        options = ('--no-deps', '--no-cache-dir', '--timeout', '15', '--retries', '1')
        if env.execute('-m', 'pip', 'download', *options, '-d', folder, 'wheel').returncode:
            raise SetupError('no network: pip cannot fetch a package from its index.')


def check_compiler():
    compiler = os.environ.get('CXX', 'c++').split()[0]
    if shutil.which(compiler) is None:
        raise SetupError(
            f'no C++ compiler ({compiler} is not on the PATH), which mmcv is built with: on '
            'Debian or Ubuntu, apt-get install g++.'
        )
    header = Path(sysconfig.get_paths()['include'], 'Python.h')
    if not header.exists():
        raise SetupError(
            f"Python's headers are missing ({header}), which mmcv is built with: on Debian or "
            f'Ubuntu, apt-get install python{PYTHON}-dev.'
        )


def check_stack(env, stack):
    """Refuse an environment of the other stack: both have the same import names."""
    found = {canonical(name) for name in (env.output(PROBE_STACK) or '').split()}
    for other in STACKS.keys() - {stack}:
        for package in ('mmcv', 'openmmlab'):
            names = (REQUIREMENTS / other / f'{package}.txt').read_text().splitlines()
            if theirs := found & set(names):
                raise SetupError(
                    f'{env.folder} has {min(theirs)} of the {other} stack: give another --venv.'
                )


def check_before(env, pins):
    """Check what the making of a new environment needs, before anything long starts."""
    if env.folder.exists() and os.listdir(env.folder) and not (env.folder / 'pyvenv.cfg').exists():
        raise SetupError(f'{env.folder} exists and is no virtual environment: give another --venv.')
    check_disk(env.folder, ENV_GB)
    tag = f'cp{PYTHON.replace(".", "")}'
    key = f'{"".join(mmcv_version(pins))}-torch{version_of(pins, "torch")}*-{tag}-*'
    if not any((cache_folder() / 'wheels').glob(f'{key}/*.whl')):
        check_compiler()
        check_disk(cache_folder(), COMPILE_GB)


# ------------------------------------------------------------------------------- mmcv


def wheel_key(env, pins):
    """Name what a compiled mmcv depends on: its version, torch's with its build tag, Python's."""
    tag = env.output(PROBE_TORCH)
    if tag is None:
        raise SetupError(f'torch does not import: {env.error("import torch")}')
    return f'{"".join(mmcv_version(pins))}-{tag}'


def raise_standard(script, torch):
    """Let mmcv be compiled as the C++ that torch's headers ask for, C++20 from 2.14 on."""
    standard = 20 if [int(part) for part in torch.split('.')[:2]] >= [2, 14] else 17
    script.write_text(re.sub(r'-std=c\+\+1[47]', f'-std=c++{standard}', script.read_text()))


def unpack_mmcv(env, pins, source):
    name, version = mmcv_version(pins)
    with tempfile.TemporaryDirectory() as download:
        options = ('--no-deps', '--no-binary', name, '--no-build-isolation', '-d', download)
        env.pip('mmcv-download', 'download', *options, f'{name}=={version}')
        packed = next(Path(download).glob('*.tar.gz'))
        check_sha256(packed)
        unpacked = source.parent / 'unpacked'
        shutil.rmtree(unpacked, ignore_errors=True)
        with tarfile.open(packed) as archive:
            # Python has known filters since 3.10.12 and 3.11.4
            safe = {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}
            archive.extractall(unpacked, **safe)
    raise_standard(unpacked / source.name / 'setup.py', version_of(pins, 'torch'))
    (unpacked / source.name).rename(source)


def compile_mmcv(env, pins, key):
    """Compile mmcv's sdist into the wheel cache; an interrupted compile goes on where it was."""
    check_compiler()
    if key.endswith('-cuda') and not (shutil.which('nvcc') or os.environ.get('CUDA_HOME')):
        raise SetupError(
            "torch sees a GPU but there is no nvcc to compile mmcv's CUDA operators: install the "
            'CUDA toolkit and set CUDA_HOME, or set CUDA_VISIBLE_DEVICES= to go without the GPU.'
        )
    build = cache_folder() / 'build' / key
    source = build / '-'.join(mmcv_version(pins)).replace('onedl-', 'onedl_')
    check_disk(build, COMPILE_GB)
    if not source.exists():
        unpack_mmcv(env, pins, source)
    wheels = build / 'wheels'
    env.pip(
        'mmcv-compile',
        *('wheel', '-v', '--no-deps', '--no-build-isolation', '--no-cache-dir'),
        *('-w', wheels, source),
        MMCV_WITH_OPS='1',
        MAX_JOBS=os.environ.get('MAX_JOBS', str(len(os.sched_getaffinity(0)))),
        CFLAGS='-g0',
        CXXFLAGS='-g0',
    )
    cached = cache_folder() / 'wheels' / key
    cached.mkdir(parents=True, exist_ok=True)
    wheel = next(wheels.glob('*.whl'))
    shutil.move(wheel, cached / wheel.name)
    shutil.rmtree(build)
    return cached / wheel.name


def install_mmcv(env, pins, *options):
    """Install mmcv from the cache if a wheel there proves itself, else compile it."""
    key = wheel_key(env, pins)
    installed = env.output(PROBE_WHEEL.format(name=mmcv_version(pins)[0]))
    if installed and f'/{quote(key)}/' in installed and not options:
        return
    waiting = '      another set-up is compiling mmcv: waiting for it'
    with locked(cache_folder() / f'{key}.lock', waiting):
        for wheel in (cache_folder() / 'wheels' / key).glob('*.whl'):
            try:
                return install_wheel(env, wheel)
            except SetupError as error:
                say(f'      the cached wheel is refused: {error}')
                wheel.unlink()
        wheel = compile_mmcv(env, pins, key)
        try:
            install_wheel(env, wheel)
        except SetupError:
            wheel.unlink()
            raise


def install_wheel(env, wheel):
    env.pip('mmcv', 'install', '--no-deps', '--no-index', '--force-reinstall', wheel)
    error = env.error(PROOF_MMCV)
    if error is not None:
        raise SetupError(f'mmcv.ops does not work: {error}')


# ------------------------------------------------------------------------------- the set-up


def steps(env, stack, pins, *options):
    """List what is to be done, as (name, function); pip skips what is there already."""
    constraints = env.folder / 'constraints.txt'
    constraints.write_text('\n'.join(line for lines in pins.values() for line in lines))

    def install(log_name, lists, *more):
        files = [part for name in lists for part in ('-r', REQUIREMENTS / f'{name}.txt')]
        env.pip(log_name, 'install', *files, '-c', constraints, *more)

    return (
        ('what builds packages', lambda: install('build', ['build'], *options)),
        # Installed again by the next step, whose packages need it
        ('torch', lambda: install('torch', ['torch'])),
        (
            'the mm packages, runtimes, tests',
            lambda: install(
                'packages', [*LISTS, f'{stack}/openmmlab'], '--no-build-isolation', *options
            ),
        ),
        (
            'mim',
            lambda: install('mim', [f'{stack}/mim'], '--no-deps', '--no-build-isolation', *options),
        ),
        (' '.join(mmcv_version(pins)), lambda: install_mmcv(env, pins, *options)),
        (
            'mmghost, editable',
            lambda: env.pip('mmghost', 'install', '--no-deps', '--no-build-isolation', '-e', ROOT),
        ),
    )


def do(steps):
    for index, (name, function) in enumerate(steps, 1):
        say(f'[{index}/{len(steps)}] {name}')
        started = time.monotonic()
        function()
        say(f'      done in {time.monotonic() - started:.0f} s')


def set_up(env, stack, more=None):
    started = time.monotonic()
    pins = read_constraints(stack, more)
    if not env.is_sound():
        check_before(env, pins)
        shutil.rmtree(env.folder, ignore_errors=True)
        say(f'A virtual environment in {env.folder}')
        env.run('venv', [sys.executable, '-m', 'venv', env.folder])
        check_network(env)
    check_stack(env, stack)
    do(steps(env, stack, pins))
    error = env.error(PROOF_ALL)
    if error is not None:
        say(f'The environment does not work ({error}): every package is installed again.')
        do(steps(env, stack, pins, '--force-reinstall'))
        error = env.error(PROOF_ALL)
        if error is not None:
            raise SetupError(f'the environment does not work: {error}')
    say(f'The environment in {env.folder} is ready ({time.monotonic() - started:.0f} s).')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--stack',
        choices=STACKS,
        default='official',
        help="OpenMMLab's own packages or OneDL's forks of them; default: %(default)s",
    )
    parser.add_argument(
        '--venv', type=Path, help='default: ' + ', '.join(f'{v} ({k})' for k, v in STACKS.items())
    )
    parser.add_argument(
        '--constraints', type=Path, help='a file of further versions, before those of the set'
    )
    args = parser.parse_args()
    if args.constraints is not None and not args.constraints.is_file():
        parser.error(f'there is no file {args.constraints}.')
    folder = Path(os.path.abspath(args.venv or ROOT / STACKS[args.stack]))
    try:
        check_python()
        with locked(folder.with_name(f'{folder.name}.lock'), 'Another set-up is at work: waiting.'):
            set_up(Environment(folder), args.stack, args.constraints)
    except SetupError as error:
        sys.exit(f'setup: {error}')
    except KeyboardInterrupt:
        sys.exit('setup: interrupted; run it again to go on.')


if __name__ == '__main__':
    main()
