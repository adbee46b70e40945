"""What the runtimes share."""

import contextlib
import logging
import os
import sys
import warnings
from importlib.util import find_spec
from textwrap import shorten

import torch
from mmengine.utils import digit_version
from torch._dynamo.exc import UserError
from torch.export import Dim, export

from mmghost.compat import EXPORT_TORCH

#: Where the metadata are in a file
KEY = 'mmghost'
#: What may differ from call to call, and the input's dimensions that it is
AXES = dict(batch=(0,), size=(2, 3))


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


@contextlib.contextmanager
def quiet():
    """Keep what is printed, warned of and logged inside from the user; errors still rise.

    What C++ prints goes to the process's own streams, so these are led away themselves.
    """
    disabled = logging.root.manager.disable
    streams = {1: sys.stdout, 2: sys.stderr}
    kept = {number: os.dup(number) for number in streams}
    with warnings.catch_warnings(), open(os.devnull, 'w') as nowhere:
        warnings.simplefilter('ignore')
        logging.disable(logging.ERROR)
        for number, stream in streams.items():
            stream.flush()
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            for number, stream in streams.items():
                stream.flush()
                os.dup2(kept[number], number)
                os.close(kept[number])
            logging.disable(disabled)


def trace(module, example, dynamic=()):
    """Trace a module with one image tensor as input.

    Args:
        module (nn.Module): The module, in evaluation mode.
        example (Tensor): An input of shape (N, C, H, W).
        dynamic (tuple[str]): What may differ from the example's: 'batch', 'size'.

    Returns:
        torch.export.ExportedProgram: The program.

    Raises:
        ValueError: If the module works with the example's shape only, though others are asked for.
    """
    axes = [axis for name in dynamic for axis in AXES[name]]
    # The batch of an example of one image would be taken for a constant
    if 'batch' in dynamic and len(example) == 1:
        example = torch.cat([example, example])
    shapes = (dict.fromkeys(axes, Dim.DYNAMIC),)
    with torch.no_grad():
        try:
            return export(module, (example,), dynamic_shapes=shapes, strict=False)
        except UserError as error:
            if not dynamic:
                raise
            reason = shorten(str(error), 200)
            raise ValueError(
                f'the model cannot be traced for any {" and ".join(dynamic)}: {reason}'
            ) from error
