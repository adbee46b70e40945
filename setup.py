import re
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
EXTRAS = ('onnx', 'openvino', 'litert', 'ncnn', 'coreml', 'mnn', 'int8', 'tests')
# What mim looks for in a package's .mim folder; the tools less those that make environments
MIM_FILES = ('configs', 'tools', 'model-index.yml')
NOT_SHIPPED = ('__pycache__', 'setup_env.py', 'test_matrix.py')


class BuildPyWithMim(build_py):
    """Put copies of mim's files into ``mmghost/.mim`` of the wheel, an editable one's too.

    mim looks for them beside the package's metadata, which is where the wheel is unpacked, not
    where the sources of an editable install are.
    """

    def run(self):
        super().run()
        editable = getattr(self, 'editable_mode', False)
        wheel = self.get_finalized_command('install').install_lib if editable else self.build_lib
        folder = Path(wheel, 'mmghost', '.mim')
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in MIM_FILES:
            source, target = ROOT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
            else:
                shutil.copy2(source, target)


def read_version():
    text = (ROOT / 'mmghost' / 'version.py').read_text(encoding='utf-8')
    return re.search("__version__ = '(.+)'", text)[1]


def read_python_versions():
    oldest, too_new = runpy.run_path(str(ROOT / 'mmghost' / 'compat.py'))['SUPPORTED']['python']
    return f'>={oldest},<{too_new}'


def read_requirements(name):
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line for line in lines if line and not line.startswith('#')]


# In the clone itself they would be found, from there, for an installation without .mim
METADATA = ROOT / 'build' / 'metadata'
METADATA.mkdir(parents=True, exist_ok=True)
shutil.rmtree(ROOT / 'mmghost.egg-info', ignore_errors=True)  # earlier versions left it

setup(
    name='mmghost',
    version=read_version(),
    description='GhostNet backbones for OpenMMLab: detection, segmentation, classification',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires=read_python_versions(),
    packages=find_packages(include=['mmghost', 'mmghost.*']),
    package_dir={'': '.'},  # makes an editable install a plain path entry
    install_requires=read_requirements('runtime'),
    extras_require={name: read_requirements(name) for name in EXTRAS},
    cmdclass={'build_py': BuildPyWithMim},
    options={'egg_info': {'egg_base': str(METADATA)}},
    zip_safe=False,
)
