from mmengine.hooks import CheckpointHook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

_LOOPS = {
    EpochBasedTrainLoop: 'mmghost.ResumableEpochLoop',
    IterBasedTrainLoop: 'mmghost.ResumableIterLoop',
}
_HOOK = 'mmghost.SafeCheckpointHook'


def _is(kind, cls):
    return kind is cls or kind in (cls.__name__, f'mmengine.{cls.__name__}')


def make_resumable(config):
    """Give a config the loop and the checkpoint hook of mmghost in place of mmengine's.

    Loops and hooks of others are left alone.

    Args:
        config (Config): A whole training config; it is changed.

    Returns:
        Config: ``config``.
    """
    loop = config.get('train_cfg')
    if loop:
        if 'type' not in loop and 'by_epoch' in loop:
            loop['type'] = EpochBasedTrainLoop if loop.pop('by_epoch') else IterBasedTrainLoop
        for theirs, ours in _LOOPS.items():
            if _is(loop.get('type'), theirs):
                loop['type'] = ours
    hooks = config.get('default_hooks') or {}
    checkpoint = hooks.get('checkpoint', dict(type=CheckpointHook, interval=1))
    if isinstance(checkpoint, dict) and _is(checkpoint.get('type'), CheckpointHook):
        config['default_hooks'] = dict(hooks, checkpoint=dict(checkpoint, type=_HOOK))
    return config
