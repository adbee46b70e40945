"""The OpenMMLab versions mmghost works with, checked when it is imported."""

from importlib import import_module, metadata
from importlib.util import find_spec

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


def leave_out_multimodal_models():
    """Let mmpretrain be imported beside transformers 5, which litert-torch brings.

    Its multimodal models take from transformers what version 5 has no more, so that mmpretrain
    has to do without them, as it does where there is no transformers at all.
    """
    try:
        major = int(metadata.version('transformers').split('.')[0])
    except metadata.PackageNotFoundError:
        return
    if major >= 5 and find_spec('mmpretrain') is not None:
        dependency = import_module('mmpretrain.utils.dependency')
        dependency.WITH_MULTIMODAL = False
