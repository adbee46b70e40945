"""What torch's safe unpickler must know to read mmengine's checkpoints.

Since torch 2.6 ``torch.load`` refuses every class and function that is not allowed by name.
mmengine (to 0.10.7) keeps its logs as ``HistoryBuffer`` objects in a checkpoint, the data set's
metainfo with whatever plain values and parts of the config it has, and schedulers with a function
of theirs. Those, and nothing else, are allowed here; see torch.serialization.add_safe_globals.
"""

import pickle
from pathlib import Path

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

# Pickle looks a class's functions up with getattr: these alone
_FUNCTIONS = {
    HistoryBuffer: ('mean', 'max', 'min', 'current'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}


def _function_of(owner, name):
    """Stand in for ``getattr``, which pickle calls for a class's function."""
    if not isinstance(owner, type) or name not in _FUNCTIONS.get(owner, ()):
        raise pickle.UnpicklingError(f'a checkpoint may not look up {name!r} of {owner!r}')
    return getattr(owner, name)


def _numpy_globals():
    """Pair numpy's unpickling functions with the module names of numpy 1 and 2."""
    multiarray = np.core.multiarray if np.__version__.startswith('1.') else np._core.multiarray
    return [
        (getattr(multiarray, name), f'numpy.{core}.multiarray.{name}')
        for name in ('_reconstruct', 'scalar')
        for core in ('core', '_core')
    ]


def _plain_dtypes():
    """List the classes of the types that hold booleans, numbers and text of a fixed width."""
    codes = f'?{np.typecodes["AllInteger"]}{np.typecodes["AllFloat"]}SU'
    return {type(np.dtype(code)) for code in codes}


def allow_mmengine_checkpoints():
    """Let ``torch.load(weights_only=True)`` read the checkpoints that mmengine's Runner writes."""
    classes = [HistoryBuffer, OneCycleParamScheduler, ConfigDict, np.ndarray, np.dtype]
    named = [*classes, *_plain_dtypes(), frozenset, range, type(Path())]
    # With their names, as OneDL's loader takes the bare classes from the list when it has used it
    torch.serialization.add_safe_globals(
        [
            *((cls, f'{cls.__module__}.{cls.__qualname__}') for cls in named),
            (_function_of, 'builtins.getattr'),
            *_numpy_globals(),
        ]
    )
