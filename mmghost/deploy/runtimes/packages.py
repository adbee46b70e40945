"""The packages that the runtimes need."""

from importlib.util import find_spec

import torch
from mmengine.utils import digit_version

from mmghost.compat import EXPORT_TORCH


def require(extra, *names):
    """Make sure that optional packages are there.

    Args:
        extra (str): The extra of mmghost that installs them.
        *names (str): The modules that will be imported.

    Raises:
        ImportError: If one is missing; it says what to install.
    """
    for name in names:
        if find_spec(name) is None:
            raise ImportError(
                f'{name} is not installed: pip install mmghost[{extra}] brings it.', name=name
            )


def require_exporting_torch():
    """Raise an ImportError if torch is too old for its programs to be exported."""
    if digit_version(torch.__version__) < digit_version(EXPORT_TORCH):
        raise ImportError(
            f'exported models take torch >={EXPORT_TORCH}, but {torch.__version__} is installed.',
            name='torch',
        )
