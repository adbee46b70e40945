def import_mmpretrain_backbones(name):
    """Import mmpretrain's backbones when the first network built on them is made.

    Args:
        name (str): What needs them, for the message.

    Returns:
        module: ``mmpretrain.models.backbones``.

    Raises:
        ImportError: If mmpretrain cannot be imported.
    """
    try:
        from mmpretrain.models import backbones
    except ImportError as error:
        raise ImportError(
            f'{name} is built on a backbone of mmpretrain, which cannot be imported ({error}): '
            "install it with 'mim install mmpretrain'."
        ) from error
    return backbones
