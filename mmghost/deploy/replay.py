"""Recordings of a network in its deploy form, and when they may be used."""

from itertools import chain
from typing import NamedTuple

import torch
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks

from .inference_conv import is_plain_inference
from .recording import NotRecordable, Recording
from .snapshot import Snapshot

#: Whose modules do the same whenever they are given the same shape
PACKAGES = ('torch', 'mmcv', 'mmengine', 'mmghost')
MOST_RECORDINGS = 4
#: In the inputs that are recorded for, together; a recording's buffers are some 50 bytes for each
MOST_NUMBERS = 2**22


class Replay:
    """Runs a network as recorded, see :class:`Recording`, where that gives the same.

    That is for inference on CPUs in evaluation mode, see :func:`is_plain_inference`, in shapes that
    come again: the first few are recorded when they come for the second time. Recordings are
    dropped once weights or modules are replaced, or weights changed in place; other changes take
    :meth:`forget`. There are none where parts of the network have hooks, or are of packages whose
    modules may do otherwise in the same shape.

    A copy, by way of pickle too, has no recordings.
    """

    def __init__(self):
        self.forget()

    def __reduce__(self):
        return Replay, ()

    @property
    def recordings(self):
        """list[Recording]: Those in use."""
        return self._state.recordings()

    def forget(self):
        """Drop the recordings."""
        self._state = State(watch=None, runs={})

    def __call__(self, network, run, image, settings=()):
        """Run a network.

        Args:
            network (nn.Module): The network.
            run (Callable): Its function, from a tensor to a tuple of tensors.
            image (Tensor): The input.
            settings (tuple): Attributes that ``run`` depends on. Defaults to ().

        Returns:
            tuple[Tensor]: What ``run`` gives.
        """
        if network.training or not is_plain_inference(image):
            return run(image)
        state = self._state
        if state.watch is None or state.watch.has_changed():
            state = self._state = State(Watch(network), runs={})
        if state.watch.is_hooked():
            return run(image)
        key = (
            settings,
            image.shape,
            image.stride(),
            image.dtype,
            torch.get_num_threads() == 1,
            torch.backends.mkldnn.enabled,
        )
        runs = state.runs
        if key not in runs:
            runs[key] = None
            return run(image)
        if runs[key] is None:
            runs[key] = _record(run, image, state) or run
        return runs[key](image)


class State(NamedTuple):
    """What a :class:`Replay` keeps, as one, as threads may be at it.

    ``runs`` are by input; None for those seen once, the network itself where it is not to be
    recorded.
    """

    watch: object
    runs: dict

    def recordings(self):
        return [run for run in list(self.runs.values()) if isinstance(run, Recording)]

    def has_room(self, image):
        made = self.recordings()
        numbers = image.numel() + sum(recording.numbers for recording in made)
        return len(made) < MOST_RECORDINGS and numbers <= MOST_NUMBERS


def _record(run, image, state):
    weights = state.watch.weights()
    if (
        image.numel() == 0
        or not state.has_room(image)
        or not state.watch.is_known
        or any(weight.is_inference() for weight in weights)
        or not hasattr(torch.jit, 'CompilationUnit')
    ):
        return None
    try:
        return Recording(run, image, weights)
    except NotRecordable:
        return None


class Watch:
    """Tells whether the modules and weights of a network are those that they were, and fast.

    Attributes:
        is_known (bool): Whether every module does the same whenever it is given the same shape, as
            far as its package tells.
    """

    def __init__(self, network):
        modules = list(network.modules())
        self.is_known = all(type(module).__module__.split('.')[0] in PACKAGES for module in modules)
        self._parts = [module._modules for module in modules if module._modules]
        self._weights = [module._parameters for module in modules if module._parameters]
        self._weights += [module._buffers for module in modules if module._buffers]
        self._hooks = [_global_forward_hooks, _global_forward_pre_hooks]
        for module in modules[1:]:
            self._hooks += [module._forward_hooks, module._forward_pre_hooks]
        self._instances = [vars(module) for module in modules[1:]]
        self._modules = self._list_modules()
        self._snapshots = list(map(Snapshot, self.weights()))

    def weights(self):
        """List parameters and buffers."""
        every = chain.from_iterable(map(dict.values, self._weights))
        return [weight for weight in every if weight is not None]

    def is_hooked(self):
        """Tell whether modules within the network have hooks, or a forward of their own."""
        return any(self._hooks) or any('forward' in names for names in self._instances)

    def has_changed(self):
        """Tell whether a module or a weight has changed."""
        weights = self.weights()
        return (
            len(weights) != len(self._snapshots)
            or any(map(Snapshot.has_changed, self._snapshots, weights))
            or self._modules != self._list_modules()
        )

    def _list_modules(self):
        return [tuple(modules.values()) for modules in self._parts]
