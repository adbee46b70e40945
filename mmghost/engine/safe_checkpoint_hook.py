import inspect
from collections import deque

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmghost.registry import HOOKS
from mmghost.utils import check_int, check_options


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, which removes a checkpoint only after the next one is whole.

    With ``max_keep_ckpts`` mmengine's removes the oldest before it writes; a run that is killed
    then may have none. Options that it does not know are refused when it is built.

    Args:
        **kwargs: As in mmengine's hook.

    Raises:
        TypeError, ValueError: If there is no such option, or an interval is no integer.

    Example:
        >>> default_hooks = dict(
        ...     checkpoint=dict(type='mmghost.SafeCheckpointHook', interval=1, max_keep_ckpts=2))
    """

    def __init__(self, **kwargs):
        known = [
            *inspect.signature(CheckpointHook).parameters,
            *inspect.signature(Runner.save_checkpoint).parameters,
        ]
        check_options(type(self).__name__, kwargs, known)
        for name in ('interval', 'max_keep_ckpts'):
            check_int(name, kwargs.get(name, -1), -1)
        super().__init__(**kwargs)

    def before_train(self, runner):
        """Find out where checkpoints go and which are there."""
        super().before_train(runner)
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque(self.keep_ckpt_ids)  # without mmengine's limit

    def _save_checkpoint_with_step(self, runner, step, meta):
        limit = self.max_keep_ckpts
        if limit <= 0:
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        if step not in self.keep_ckpt_ids:
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self.max_keep_ckpts = -1
        try:
            super()._save_checkpoint_with_step(runner, step, meta)
        finally:
            self.max_keep_ckpts = limit
        while len(self.keep_ckpt_ids) > limit:
            outdated = self.filename_tmpl.format(self.keep_ckpt_ids.popleft())
            path = self.file_backend.join_path(self.out_dir, outdated)
            if is_main_process() and self.file_backend.isfile(path):
                self.file_backend.remove(path)
