"""The versions mmghost works with, checked when it is imported, and the names they go by."""

import platform
from importlib import import_module, metadata

# Written here alone: setup.py and tools/setup_env.py read it, docs/ are tested against it.
# package: (oldest accepted, first refused). Before 2.6 torch has no list of what a checkpoint may
# call for, and files could get round weights_only=True (CVE-2025-32434).
SUPPORTED = {
    'python': ('3.10', '3.13'),
    'torch': ('2.6.0', '3.0.0'),
    'mmengine': ('0.8.3', '1.0.0'),
    'mmcv': ('2.0.0', '2.4.0'),
}
# The oldest torch whose programs can be exported: 2.6 fails at sizes that are dynamic
EXPORT_TORCH = '2.9.0'
# OneDL's forks have the import names of OpenMMLab's packages and distribution names of their own
ONEDL = {
    'mmdet': 'onedl-mmdetection',
    'mmseg': 'onedl-mmsegmentation',
    'mmpretrain': 'onedl-mmpretrain',
}


def _find_version(name):
    if name == 'python':
        return platform.python_version()
    try:
        return import_module(name).__version__
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f'{name} is not installed: {_allowed(name)}.') from None


def _allowed(name):
    oldest, too_new = SUPPORTED[name]
    return f'mmghost takes {name} >={oldest}, <{too_new}'


def check_versions():
    """Raise an ImportError if Python, torch, mmengine or mmcv is missing or out of range."""
    found = {name: _find_version(name) for name in SUPPORTED}
    from mmengine.utils import digit_version

    for name, version in found.items():
        oldest, too_new = map(digit_version, SUPPORTED[name])
        if not oldest <= digit_version(version) < too_new:
            raise ImportError(f'{name} {version} is installed: {_allowed(name)}.')


def name_packages():
    """Tell mmengine mmghost's name, so that ``_base_ = 'mmghost::...'`` finds its configs.

    And those of OneDL's packages, where these are installed: with OpenMMLab's, which its table
    has, ``_base_ = 'mmseg::...'`` finds no mmsegmentation.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE['mmghost'] = 'mmghost'
    for module, name in ONEDL.items():
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        MODULE2PACKAGE[module] = name
