"""Make the environment that mmghost is developed and tested in, or mend it.

Runs before anything is installed, so it uses Python's standard library alone. Every finished step
is recognised and skipped. The versions stand in requirements/constraints.txt; those of the mm
packages in requirements/official and requirements/onedl, a folder a stack.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
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

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / 'requirements'
CONSTRAINTS = REQUIREMENTS / 'constraints.txt'
CHECKSUMS = REQUIREMENTS / 'mmcv.sha256'
STACKS = {'official': '.venv', 'onedl': '.venv-onedl'}  # and where their environments go
SUPPORTED = runpy.run_path(str(ROOT / 'mmghost' / 'compat.py'))['SUPPORTED']
ENV_GB, COMPILE_GB = 11, 2  # free space needed by torch and the rest, and by the compile

PROBE = r"""
import collections, csv, importlib.metadata as metadata, json, os, re
dists, records = {}, {}
for dist in metadata.distributions():
    name = re.sub('[-_.]+', '-', dist.metadata['Name'] or '').lower()
    if name not in dists:
        dists[name] = dist
        records[name] = list(csv.reader((dist.read_text('RECORD') or '').splitlines()))
owners = collections.Counter(path for record in records.values() for path, _, _ in record)

def damaged(name):
    for path, _, size in records[name]:
        # Some packages overwrite each other's tests/__init__.py
        if not size or path.endswith('.pyc') or owners[path] > 1:
            continue
        try:
            if os.stat(dists[name].locate_file(path)).st_size != int(size):
                return True
        except OSError:
            return True
    return not records[name]

found = {}
for name, dist in dists.items():
    url = json.loads(dist.read_text('direct_url.json') or '{}').get('url', '')
    found[name] = dict(version=dist.version, damaged=damaged(name), url=url)
print(json.dumps(found))
"""

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
import mmghost, mmdet.models, mmseg.models, mmpretrain.models, mim, timm, pytest, fvcore
import onnxruntime, onnxscript, openvino
"""
)


class SetupError(Exception):
    """What is missing, in one line."""


def say(text):
    print(text, flush=True)


def canonical(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def read_constraints(python, stack='official', more=None):
    """Read the pinned versions that apply to this (major, minor); those of ``more`` come first."""
    pins = {}
    for file in (CONSTRAINTS, REQUIREMENTS / stack / 'constraints.txt', more):
        for line in file.read_text().splitlines() if file else ():
            match = re.fullmatch(
                r'([\w.-]+)==([^;\s]+)(?:; python_version (>=|<) "3\.(\d+)")?', line
            )
            if match is None:
                continue
            name, version, operator, minor = match.groups()
            newer = minor is None or python[1] >= int(minor)
            if operator is None or newer == (operator == '>='):
                pins[canonical(name)] = version
    return pins


def read_names(name):
    lines = (REQUIREMENTS / f'{name}.txt').read_text().splitlines()
    return [canonical(line) for line in lines if line and not line.startswith('#')]


def mmcv_name(pins):
    """Return the name under which the stack's mmcv is distributed."""
    return 'mmcv' if 'mmcv' in pins else 'onedl-mmcv'


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
    """The virtual environment: what it holds, and the commands run in it."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / 'bin' / 'python'
        self.logs = folder / 'setup-logs'
        self.variables = {
            key: value
            for key, value in os.environ.items()
            if key not in ('PYTHONPATH', 'PYTHONHOME', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_USER')
        }
        self.variables.update(
            PYTHONNOUSERSITE='1',
            PIP_DISABLE_PIP_VERSION_CHECK='1',
            PIP_NO_INPUT='1',
            VIRTUAL_ENV=str(folder),
            PATH=f'{folder / "bin"}{os.pathsep}{os.environ.get("PATH", "")}',
        )

    def output(self, *args):
        """Run Python in the environment; return its output, or None if it failed."""
        if not self.python.exists():
            return None
        done = subprocess.run(
            [self.python, *args],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.variables,
        )
        return done.stdout if done.returncode == 0 else None

    def error(self, code):
        """Run code in the environment; return the last line of its error, None if it ran."""
        done = subprocess.run(
            [self.python, '-W', 'ignore', '-c', code],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.variables,
        )
        if done.returncode == 0:
            return None
        return (done.stderr.strip().splitlines() or [f'exit status {done.returncode}'])[-1]

    def probe(self):
        return json.loads(self.output('-c', PROBE) or '{}')

    def run(self, log_name, command, on_line=None, **variables):
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
                if on_line is not None:
                    on_line(line)
                elif line.strip() and time.monotonic() - reported > 20:
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
    found = sys.version_info[:2]
    oldest, too_new = SUPPORTED['python']
    if (
        not [int(part) for part in oldest.split('.')]
        <= [*found]
        < [int(part) for part in too_new.split('.')]
    ):
        raise SetupError(
            f'Python {found[0]}.{found[1]} is not supported: from {oldest}, below {too_new}, are; '
            'choose one with PYTHON=, for example make setup PYTHON=python3.11.'
        )
    if sys.platform != 'linux':
        raise SetupError(f'the set-up is made for Linux, not {sys.platform}.')
    for module in ('venv', 'ensurepip'):
        try:
            __import__(module)
        except ImportError:
            raise SetupError(
                f"Python's {module} module is missing: on Debian or Ubuntu, "
                f'apt-get install python{found[0]}.{found[1]}-venv.'
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
        if env.output('-m', 'pip', 'download', *options, '-d', folder, 'wheel') is None:
            raise SetupError('no network: pip cannot fetch a package from its index.')


def check_compiler():
    compiler = os.environ.get('CXX', 'c++').split()
    if shutil.which(compiler[0]) is None:
        raise SetupError(
            f'no C++ compiler ({compiler[0]} is not on the PATH), which mmcv is built with: on '
            'Debian or Ubuntu, apt-get install g++.'
        )
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, 'probe.cpp')
        source.write_text(
            '#include <optional>\nint main() { return std::optional<int>(0).value(); }'
        )
        command = [*compiler, '-std=c++17', str(source), '-o', str(source.with_suffix(''))]
        if subprocess.run(command, capture_output=True).returncode:
            raise SetupError(f'the C++ compiler {compiler[0]} cannot build a C++17 program.')
    header = Path(sysconfig.get_paths()['include'], 'Python.h')
    if not header.exists():
        raise SetupError(
            f"Python's headers are missing ({header}), which mmcv is built with: on Debian or "
            f'Ubuntu, apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-dev.'
        )


# ------------------------------------------------------------------------------- the steps


def venv_is_sound(env):
    expected = f'{sys.version_info[0]}.{sys.version_info[1]} {env.folder}'
    code = 'import sys, pip; print("{0}.{1}".format(*sys.version_info), sys.prefix)'
    found = env.output('-c', code)
    # pip writes the folder into the scripts it makes: a folder that was moved is made anew.
    made_here = env.folder / '.made-in'
    return (
        found is not None
        and found.strip() == expected
        and made_here.exists()
        and made_here.read_text() == str(env.folder)
    )


def wheel_key(env, pins):
    """Name what a compiled mmcv depends on: its version, torch's with its build tag, Python's."""
    code = (
        'import sys, platform, torch;'
        'ops = "cuda" if torch.cuda.is_available() else "cpu";'
        'print(f"torch{torch.__version__}-cp{sys.version_info[0]}{sys.version_info[1]}'
        '-{platform.machine()}-{ops}")'
    )
    tag = env.output('-c', code)
    if tag is None:
        raise SetupError(f'torch does not import: {env.error("import torch")}')
    name = mmcv_name(pins)
    return f'{name}{pins[name]}-{tag.strip()}'


def cached_wheels(pins):
    """Find the cached wheels that can fit, before torch is there to tell the exact key."""
    name, tag = mmcv_name(pins), f'cp{sys.version_info[0]}{sys.version_info[1]}'
    return list(
        (cache_folder() / 'wheels').glob(f'{name}{pins[name]}-torch{pins["torch"]}*-{tag}-*/*.whl')
    )


class CompileProgress:
    """Ninja's counter as a bar on a terminal, as a line every tenth elsewhere."""

    def __init__(self):
        self.started, self.tenth = time.monotonic(), 0

    def __call__(self, line):
        match = re.match(r'\s*\[(\d+)/(\d+)\]', line)
        if match is None:
            return
        done, total = int(match[1]), int(match[2])
        text = f'      compiled {done} of {total} files, {time.monotonic() - self.started:.0f} s'
        if sys.stdout.isatty():
            print(f'\r{text}', end='\n' if done == total else '', flush=True)
        elif done * 10 // total > self.tenth:
            self.tenth = done * 10 // total
            say(text)


def raise_standard(script, torch):
    """Let mmcv be compiled as the C++ that torch's headers ask for, C++20 from 2.14 on."""
    standard = 20 if [int(part) for part in torch.split('.')[:2]] >= [2, 14] else 17
    script.write_text(re.sub(r'-std=c\+\+1[47]', f'-std=c++{standard}', script.read_text()))


def compile_mmcv(env, pins, key):
    """Compile mmcv's sdist into the wheel cache; an interrupted compile goes on where it was."""
    check_compiler()
    if key.endswith('-cuda') and not (shutil.which('nvcc') or os.environ.get('CUDA_HOME')):
        raise SetupError(
            "torch sees a GPU but there is no nvcc to compile mmcv's CUDA operators: install the "
            'CUDA toolkit and set CUDA_HOME, or set CUDA_VISIBLE_DEVICES= to go without the GPU.'
        )
    name = mmcv_name(pins)
    build = cache_folder() / 'build' / key
    source = build / f'{name.replace("-", "_")}-{pins[name]}'
    check_disk(build, COMPILE_GB)
    if not source.exists():
        with tempfile.TemporaryDirectory() as download:
            env.pip(
                'mmcv-download',
                *('download', '--no-deps', '--no-binary', name, '--no-build-isolation'),
                *('-d', download, f'{name}=={pins[name]}'),
            )
            build.mkdir(parents=True, exist_ok=True)
            unpacked = build / 'unpacked'
            shutil.rmtree(unpacked, ignore_errors=True)
            packed = next(Path(download).glob('*.tar.gz'))
            check_sha256(packed)
            with tarfile.open(packed) as archive:
                # Python has known filters since 3.10.12 and 3.11.4
                safe = {'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}
                archive.extractall(unpacked, **safe)
            raise_standard(unpacked / source.name / 'setup.py', pins['torch'])
            (unpacked / source.name).rename(source)
    wheels = build / 'wheels'
    env.run(
        'mmcv-compile',
        [env.python, '-m', 'pip', 'wheel', '-v', '--no-deps', '--no-build-isolation']
        + ['--no-cache-dir', '-w', wheels, source],
        on_line=CompileProgress(),
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


def install_mmcv(env, pins):
    """Install mmcv from the cache if a wheel there proves itself, else compile it."""
    key = wheel_key(env, pins)
    with locked(
        cache_folder() / f'{key}.lock', '      another set-up is compiling mmcv: waiting for it'
    ):
        wheels = list((cache_folder() / 'wheels' / key).glob('*.whl'))
        for wheel in wheels:
            try:
                install_mmcv_wheel(env, wheel)
            except SetupError as error:
                say(f'      the cached wheel is refused: {error}')
                wheel.unlink()
            else:
                say(f'      from the cache: {wheel}')
                return
        wheel = compile_mmcv(env, pins, key)
        try:
            install_mmcv_wheel(env, wheel)
        except SetupError:
            wheel.unlink()
            raise


def install_mmcv_wheel(env, wheel):
    env.pip('mmcv', 'install', '--no-deps', '--no-index', '--force-reinstall', wheel)
    error = env.error(PROOF_MMCV)
    if error is not None:
        raise SetupError(f'mmcv.ops does not work: {error}')


def install_mmghost(env):
    env.pip('mmghost', 'install', '--no-deps', '--no-build-isolation', '-e', ROOT)


def mim_is_stale(env):
    """Tell whether the environment's copies of mim's files differ from the sources."""
    python = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    copies = env.folder / 'lib' / python / 'site-packages' / 'mmghost' / '.mim'
    names = ('configs', 'tools', 'model-index.yml')
    return any(content(ROOT / name) != content(copies / name) for name in names)


def content(path):
    """Read a file, or all files of a folder by relative path; not compiled Python."""
    files = [file for file in path.rglob('*') if file.is_file()] if path.is_dir() else [path]
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in files
        if file.is_file() and '__pycache__' not in file.parts
    }


def install(env, pins, name, *options):
    constraints = env.folder / 'constraints.txt'
    constraints.write_text(''.join(f'{pin}=={version}\n' for pin, version in pins.items()))
    log = Path(name).name
    env.pip(log, 'install', *options, '-r', REQUIREMENTS / f'{name}.txt', '-c', constraints)


# ------------------------------------------------------------------------------- the set-up


class Setup:
    def __init__(self, folder, stack='official', more=None):
        self.env = Environment(folder)
        self.stack = stack
        self.pins = read_constraints(sys.version_info[:2], stack, more)
        self.mmcv = mmcv_name(self.pins)
        self.all_again = False

    def wrong(self, found, names):
        """List those of the packages that are absent, damaged or of another version."""
        return [
            name
            for name in names
            if name not in found
            or found[name]['damaged']
            or found[name]['version'].split('+')[0] != self.pins[name]
        ]

    def pending(self):
        """List the steps to do, as (name, function)."""
        env, steps = self.env, []
        sound = venv_is_sound(env)
        found = env.probe() if sound else {}
        self.refuse_other_stacks(found)
        broken = [
            name
            for name in self.wrong(found, [name for name in self.pins if name in found])
            if name not in (self.mmcv, 'pip')
        ]
        if broken:
            steps.append((f'mending {", ".join(broken)}', lambda: self.reinstall(broken)))
        for name, options in (
            ('build', ()),
            ('torch', ()),
            ('undeclared', ()),
            (f'{self.stack}/openmmlab', ('--no-build-isolation',)),
            (f'{self.stack}/mim', ('--no-deps', '--no-build-isolation')),
            ('runtime', ()),
            ('onnx', ()),
            ('openvino', ()),
            ('tests', ()),
        ):
            wanted = read_names(name)
            missing = wanted if self.all_again else [pin for pin in wanted if pin not in found]
            if missing:
                versions = ', '.join(f'{pin} {self.pins[pin]}' for pin in missing)
                steps.append((versions, lambda n=name, o=options: install(env, self.pins, n, *o)))
        torch_changes = 'torch' not in found or 'torch' in broken
        if self.all_again or torch_changes or self.wrong(found, [self.mmcv]):
            version = self.pins[self.mmcv]
            steps.append((f'{self.mmcv} {version}', lambda: install_mmcv(env, self.pins)))
        here = found.get('mmghost', {})
        if steps:
            steps.insert(0, ('network', lambda: check_network(env)))
        if here.get('url') != ROOT.as_uri() or here['damaged'] or mim_is_stale(env):
            steps.append(('mmghost, editable', lambda: install_mmghost(env)))
        if not sound:
            steps.insert(0, (f'virtual environment {env.folder}', self.make_venv))
        return steps

    def refuse_other_stacks(self, found):
        """The stacks' packages have the same import names, and would overwrite each other."""
        for stack in STACKS.keys() - {self.stack}:
            for name in (*read_names(f'{stack}/openmmlab'), *read_names(f'{stack}/mmcv')):
                if name in found:
                    raise SetupError(
                        f'{self.env.folder} has {name} of the {stack} stack: give another --venv.'
                    )

    def make_venv(self):
        env = self.env
        shutil.rmtree(env.folder, ignore_errors=True)
        env.run('venv', [sys.executable, '-m', 'venv', env.folder])
        (env.folder / '.made-in').write_text(str(env.folder))

    def reinstall(self, names):
        exact = [f'{name}=={self.pins[name]}' for name in names]
        self.env.pip('mend', 'install', '--force-reinstall', '--no-deps', *exact)

    def preflight(self, steps):
        folder = self.env.folder
        ours = {'pyvenv.cfg', 'setup-logs'}
        if folder.exists() and not ours & set(os.listdir(folder)) and os.listdir(folder):
            raise SetupError(f'{folder} exists and is no virtual environment: give another --venv.')
        names = ' '.join(name for name, _ in steps)
        needed = ENV_GB if 'torch ' in names else 1
        check_disk(folder, needed)
        if 'mmcv ' in names and not cached_wheels(self.pins):
            check_compiler()
            check_disk(cache_folder(), COMPILE_GB)

    def run(self):
        started = time.monotonic()
        steps = self.pending()
        if steps:
            self.preflight(steps)
        self.do(steps)
        error = self.env.error(PROOF_ALL)
        if error is not None:
            say(f'The environment does not work ({error}): every step is done again.')
            self.all_again = True
            steps = self.pending()
            self.preflight(steps)
            self.do(steps)
            error = self.env.error(PROOF_ALL)
            if error is not None:
                raise SetupError(f'the environment does not work: {error}')
        took = time.monotonic() - started
        say(f'The environment in {self.env.folder} is ready ({took:.0f} s).')

    def do(self, steps):
        for index, (name, function) in enumerate(steps, 1):
            say(f'[{index}/{len(steps)}] {name}')
            started = time.monotonic()
            function()
            say(f'      done in {time.monotonic() - started:.0f} s')


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
            Setup(folder, args.stack, args.constraints).run()
    except SetupError as error:
        sys.exit(f'setup: {error}')
    except KeyboardInterrupt:
        sys.exit('setup: interrupted; run it again to go on.')


if __name__ == '__main__':
    main()
