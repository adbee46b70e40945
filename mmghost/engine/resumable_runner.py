import copy
import os

from mmengine.device import get_device
from mmengine.dist import is_distributed
from mmengine.fileio import LocalBackend, get_file_backend, join_path
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS, LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmghost.registry import RUNNERS

from .atomic_backend import ATOMIC
from .cpu_distributed import init_gloo
from .resumable_loops import ResumableEpochLoop, ResumableIterLoop
from .safe_checkpoint_hook import SafeCheckpointHook
from .whole_checkpoints import check_elsewhere, find_whole_checkpoint

_LOOPS = {EpochBasedTrainLoop: ResumableEpochLoop, IterBasedTrainLoop: ResumableIterLoop}
_PARTS = ('dataset', 'datasets', 'pipeline', 'transforms')  # of a data set and its transforms


@RUNNERS.register_module()
class ResumableRunner(Runner):
    """mmengine's Runner, whose interrupted trainings end as if they had not been interrupted.

    A training that is killed at any moment, and resumed, ends with the weights of one that never
    stopped: bit for bit on a CPU, and on a GPU where its operations are deterministic. For that

    - mmengine's own loops for epochs and iterations seed every iteration and every sample by its
      number, so that random numbers are others than with mmengine's Runner, and go on in the middle
      of an epoch; loops of others stay as they are, and promise nothing;
    - local checkpoints appear whole or not at all, and mmengine's CheckpointHook removes the one
      before only then;
    - ``resume`` without a checkpoint takes the newest of the run that is whole. It ends with an
      error where there are checkpoints and none is whole, and begins where there are none.

    What is not in a checkpoint is not made up for: the caches of transforms (mmdet's CachedMosaic
    and CachedMixUp), what data preprocessors keep (its BatchSyncRandomResize), of which the log
    warns, the hidden state of a user's own hooks, and a validation that was cut off. Checkpoints
    that are written elsewhere than to local files are written, found and read as by mmengine.

    Without an accelerator, several processes train over gloo, see
    :class:`mmghost.engine.CPUDistributedDataParallel`.

    Args:
        *args, **kwargs: As those of mmengine's ``Runner``.

    Example:
        >>> runner_type = 'mmghost.ResumableRunner'
    """

    def setup_env(self, env_cfg):
        """Set up the environment, gloo's processes without a GPU too."""
        options = dict(env_cfg.get('dist_cfg') or {})
        if self.distributed and not is_distributed() and get_device() == 'cpu':
            backend = options.pop('backend', 'nccl')
            if backend != 'gloo':
                raise ValueError(
                    f'no GPU is visible, which the {backend} backend needs: give '
                    '--cfg-options env_cfg.dist_cfg.backend=gloo to use CPUs.'
                )
            init_gloo(self.launcher, **options)
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg, model):
        """Wrap the model for several processes, without a GPU too."""
        if self.distributed and model_wrapper_cfg is None and get_device() == 'cpu':
            model_wrapper_cfg = dict(
                type='mmghost.CPUDistributedDataParallel',
                broadcast_buffers=False,
                find_unused_parameters=self.cfg.get('find_unused_parameters', False),
            )
        return super().wrap_model(model_wrapper_cfg, model)

    def register_hook(self, hook, priority=None):
        """Register a hook, mmengine's CheckpointHook as a :class:`SafeCheckpointHook`."""
        if isinstance(hook, dict) and _find(HOOKS, hook) is CheckpointHook:
            hook = dict(hook, type=SafeCheckpointHook)
        super().register_hook(hook, priority)

    def build_train_loop(self, loop):
        """Build the training loop, mmengine's own as one that goes on exactly."""
        if isinstance(loop, dict):
            loop = copy.copy(loop)
            if 'type' not in loop and 'by_epoch' in loop:
                by_epoch = loop.pop('by_epoch')
                loop['type'] = EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop
            kind = _find(LOOPS, loop)
            if kind in _LOOPS:
                loop['type'] = _LOOPS[kind]
        built = super().build_train_loop(loop)
        if built is not loop:
            for name in sorted(_with_memory(built.dataloader.dataset, self.model)):
                self.logger.warning(
                    f'{name} keeps what no checkpoint has: a resumed training may end differently.'
                )
        return built

    def save_checkpoint(
        self, out_dir, filename, file_client_args=None, *args, backend_args=None, **kwargs
    ):
        """Save a checkpoint, a local one whole or not at all."""
        if file_client_args is None and backend_args in (None, dict(backend='local')):
            backend = get_file_backend(out_dir, backend_args=backend_args)
            if type(backend) is LocalBackend:
                backend_args = dict(backend=ATOMIC)
        super().save_checkpoint(
            out_dir, filename, file_client_args, *args, backend_args=backend_args, **kwargs
        )

    def load_or_resume(self):
        """Load or resume a checkpoint, the newest of the run that is whole if none is named."""
        if self._has_loaded or not self._resume or self._load_from is not None:
            super().load_or_resume()
            return
        hooks = [hook for hook in self.hooks if isinstance(hook, CheckpointHook)]
        folders = [self._folder_of(hook) for hook in hooks]
        if None in folders:
            for hook, folder in zip(hooks, folders):
                if folder is None and not hook.file_client_args:
                    out_dir = hook.out_dir or self.work_dir
                    backend = get_file_backend(out_dir, backend_args=hook.backend_args)
                    check_elsewhere(self.work_dir, out_dir, backend)
            super().load_or_resume()
            return
        checkpoint = find_whole_checkpoint(self.work_dir, *folders)
        if checkpoint is None:
            self.logger.warning(f'{self.work_dir} has no checkpoint: the training begins.')
        else:
            self.resume(checkpoint)

    def _folder_of(self, hook):
        """Tell the folder that a hook writes to, as the hook itself does later, None if remote."""
        out_dir = hook.out_dir or self.work_dir
        if hook.file_client_args or not isinstance(
            get_file_backend(out_dir, backend_args=hook.backend_args), LocalBackend
        ):
            return None
        if out_dir == self.work_dir:
            return out_dir
        return join_path(out_dir, os.path.basename(self.work_dir))


def _find(registry, config):
    """Find the class that a config names, None if it names none."""
    kind = config.get('type')
    if not isinstance(kind, str):
        return kind
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind)


def _with_memory(dataset, model):
    """Name the parts of a training that keep something from one batch to the next."""
    for module in model.modules():
        if type(module).__name__.endswith('BatchSyncRandomResize'):
            yield type(module).__name__
    parts, seen = [dataset], set()
    while parts:
        part = parts.pop()
        if type(part) in (list, tuple):
            parts += part
        elif hasattr(part, '__dict__') and id(part) not in seen:
            seen.add(id(part))
            parts += [getattr(part, name, None) for name in _PARTS]
            if hasattr(part, 'results_cache') and getattr(part, 'use_cached', True):
                yield type(part).__name__
