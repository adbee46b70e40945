from textwrap import shorten

from mmengine.runner.checkpoint import load_state_dict

from mmghost.utils.inputs import check_input

from .loaders import load_from_mmghost
from .read_weights import COMPILED


def load_whole_model(model, checkpoint):
    """Load the checkpoint of a whole model, every weight of it, without executing any of it.

    Args:
        model (nn.Module): The model.
        checkpoint (str | Path): Its checkpoint, of mmengine, or a published Ghost classifier's.

    Returns:
        dict: The checkpoint's ``meta``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be loaded, or is of another model, or of its other form.
    """
    check_input(checkpoint)
    content = load_from_mmghost(str(checkpoint), 'cpu')
    weights = content.get('state_dict', content) if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise ValueError(f'{checkpoint} holds no weights.')
    if weights and all(str(key).startswith('module.') for key in weights):  # DataParallel's
        weights = {key[len('module.') :]: value for key, value in weights.items()}
    if any(COMPILED in str(key) for key in weights):
        weights = {str(key).replace(COMPILED, ''): value for key, value in weights.items()}
    try:
        load_state_dict(model, weights, strict=True)
    except (AttributeError, RuntimeError, TypeError) as error:  # of names or metadata that are none
        reason = shorten(str(error), 300)
        raise ValueError(f'{checkpoint} is not of this config: {reason}') from error
    return content.get('meta', {})
