"""The OpenMMLab versions mmghost works with, checked when it is imported."""

from importlib import import_module

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
