import inspect

from mmengine.runner import Runner

from .checks import check_int, nearest

# What the tools of the mm packages read, besides the arguments of the Runner
_TOP_LEVEL = {
    'activation_checkpointing',
    'auto_scale_lr',
    'custom_imports',
    'efficient_conv_bn_eval',
    'runner_type',
    'tta_model',
    'tta_pipeline',
    *inspect.signature(Runner).parameters,
}


def check_config(config):
    """Raise if a name at the top of a config is misspelt, or its seed is no number.

    mmengine passes over what it does not know there, as a config may have variables of its own.

    Args:
        config (Config): A whole config.
    """
    for name in config:
        if name not in _TOP_LEVEL:
            hint = nearest(name, _TOP_LEVEL, 0.9)
            if hint:
                raise ValueError(f'the config has {name!r}, which nothing reads{hint}')
    seed = (config.get('randomness') or {}).get('seed')
    if seed is not None:
        check_int('randomness.seed', seed, 0)
