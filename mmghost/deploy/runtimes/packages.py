"""The optional packages that the runtimes need."""

from importlib.util import find_spec


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
