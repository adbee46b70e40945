from contextlib import contextmanager

from mmengine.hooks import CheckpointHook

_GRADIENTS = 'accumulated_gradients'  # in a checkpoint


class _RemovingLater:
    """A file backend that only notes what it is to remove."""

    def __init__(self, backend):
        self._backend = backend
        self.removals = []

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def remove(self, path):
        self.removals.append((self._backend.remove, path))

    def rmtree(self, path):
        self.removals.append((self._backend.rmtree, path))


class SafeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, which removes a checkpoint only after the next one is whole.

    mmengine's removes the oldest, and the best so far, before it writes: a run that is killed then
    may have none. Gradients that are accumulated at the time go into the checkpoint, and into a run
    that resumes from it; of several processes, those of the first.

    Args:
        **kwargs: As in mmengine's hook.
    """

    def before_save_checkpoint(self, runner, checkpoint):
        """Put accumulated gradients into a checkpoint."""
        parameters = runner.model.named_parameters()
        found = {name: value.grad for name, value in parameters if value.grad is not None}
        if found:
            checkpoint[_GRADIENTS] = found

    def after_load_checkpoint(self, runner, checkpoint):
        """Take accumulated gradients out of a checkpoint that is resumed from."""
        found = checkpoint.get(_GRADIENTS, {}) if runner._resume else {}
        for name, value in runner.model.named_parameters():
            if name in found:
                value.grad = found[name].to(value)

    def _save_checkpoint_with_step(self, runner, step, meta):
        with self._removing_later():
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner, metrics):
        with self._removing_later():
            super()._save_best_checkpoint(runner, metrics)

    @contextmanager
    def _removing_later(self):
        backend = self.file_backend
        self.file_backend = later = _RemovingLater(backend)
        try:
            yield
        finally:
            self.file_backend = backend
        best = (getattr(self, 'best_ckpt_path_dict', None) or {}).values()
        written = {self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best}
        for remove, path in later.removals:
            if path not in written:
                remove(path)
