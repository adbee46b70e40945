from textwrap import shorten

from mmengine.runner import load_checkpoint

from mmghost.utils.inputs import check_input


def load_whole_model(model, checkpoint):
    """Load the checkpoint of a whole model, every weight of it.

    Args:
        model (nn.Module): The model.
        checkpoint (str | Path): Its checkpoint, any that mmengine loads.

    Returns:
        dict: The checkpoint's ``meta``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another model, or of its other form.
    """
    check_input(checkpoint)
    try:
        loaded = load_checkpoint(model, str(checkpoint), map_location='cpu', strict=True)
    except RuntimeError as error:
        reason = shorten(str(error), 300)
        raise ValueError(f'{checkpoint} is not of this config: {reason}') from error
    return loaded.get('meta', {})
