"""Which mm package a config is for."""

#: What the names of config files end in
SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def config_scope(config):
    """Tell which mm package a config is for.

    Args:
        config (Config): A whole config.

    Returns:
        str: Such as 'mmdet': its ``default_scope`` or, where that is not set (as in pure Python
        configs), the package of its model.

    Raises:
        ValueError: If neither names a package.
    """
    scope = config.get('default_scope')
    if scope is None:
        model_type = config.get('model', {}).get('type', '')
        name = model_type if isinstance(model_type, str) else model_type.__module__
        scope, _, rest = name.partition('.')
        if not rest:
            raise ValueError("the config is for no package: set default_scope, as to 'mmdet'.")
    return scope
