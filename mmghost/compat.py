"""What mmghost does, when it is imported, about the versions of others."""

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

# package: (oldest accepted, first refused)
SUPPORTED = {
    'mmengine': ('0.8.3', '1.0.0'),
    'mmcv': ('2.0.0', '2.4.0'),
}


def check_versions():
    """Raise an ImportError if mmengine or mmcv is missing or out of range."""
    for name, (oldest, too_new) in SUPPORTED.items():
        allowed = f'mmghost takes {name} >={oldest}, <{too_new}'
        try:
            found = import_module(name).__version__
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ImportError(f'{name} is not installed: {allowed}.') from None
        from mmengine.utils import digit_version  # mmengine comes first in SUPPORTED

        if not (digit_version(oldest) <= digit_version(found) < digit_version(too_new)):
            raise ImportError(f'{name} {found} is installed: {allowed}.')


def keep_mmpretrain_importable():
    """Let mmpretrain take its multimodal models for absent beside transformers 5 or newer.

    They are optional there, but mmpretrain 1.2.0 takes any new transformers for one that it knows,
    and then cannot be imported at all. litert-torch installs transformers.
    """
    spec = find_spec('mmpretrain')
    try:
        major = int(version('transformers').split('.')[0])
    except PackageNotFoundError:
        return
    name = 'mmpretrain.utils.dependency'
    if spec is None or major < 5 or name in sys.modules:
        return
    file = Path(spec.origin).parent / 'utils' / 'dependency.py'
    spec = spec_from_file_location(name, file)
    dependency = module_from_spec(spec)
    spec.loader.exec_module(dependency)
    dependency.WITH_MULTIMODAL = False
    sys.modules[name] = dependency
