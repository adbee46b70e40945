"""What torch's safe unpickler must know to read mmengine's checkpoints.

Since torch 2.6 ``torch.load`` refuses every class and function that is not allowed by name.
mmengine (to 0.10.7) keeps its logs as ``HistoryBuffer`` objects and numpy values in a checkpoint.
Those, and nothing else, are allowed here; see torch.serialization.add_safe_globals.
"""

import pickle

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


def _history_buffer_method(owner, name):
    """Stand in for ``getattr``, which pickle calls for HistoryBuffer's own statistics only."""
    if owner is not HistoryBuffer or name not in ('mean', 'max', 'min', 'current'):
        raise pickle.UnpicklingError(f'a checkpoint may not look up {name!r} of {owner!r}')
    return getattr(HistoryBuffer, name)


def _numpy_globals():
    """Pair numpy's unpickling functions with the module names of numpy 1 and 2."""
    multiarray = np.core.multiarray if np.__version__.startswith('1.') else np._core.multiarray
    return [
        (getattr(multiarray, name), f'numpy.{core}.multiarray.{name}')
        for name in ('_reconstruct', 'scalar')
        for core in ('core', '_core')
    ]


def allow_mmengine_checkpoints():
    """Let ``torch.load(weights_only=True)`` read the checkpoints that mmengine's Runner writes."""
    dtypes = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int64)]
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            (_history_buffer_method, 'builtins.getattr'),
            np.ndarray,
            np.dtype,
            *_numpy_globals(),
            *dtypes,
        ]
    )
