"""The whole model of any of the three tasks as a plain function of the image."""

from ..deploy_form import to_deploy_form
from .classification import WholeClassifier
from .detection import WholeDetector
from .normalization import Normalization, Normalized
from .segmentation import WholeSegmentor
from .suppression import suppress_by_operator


def whole_model(
    model, task, normalize_inside=False, logits=False, suppress=suppress_by_operator, target=None
):
    """Wrap a model of an mm package as a module from an image tensor to a tuple of tensors.

    Args:
        model (nn.Module): The model; it is changed.
        task (str): 'detection', 'segmentation' or 'classification'.
        normalize_inside (bool): Take images as the data pipeline gives them, values from 0 to
            255. Defaults to False.
        logits (bool): Of segmentation, give logits instead of classes. Defaults to False.
        suppress (Callable): How detection drops boxes. Defaults to the operator.
        target (str, optional): The runtime whose deploy form the model is put into, see
            :func:`mmghost.deploy.to_deploy_form`. Defaults to None (it stays as it is).

    Returns:
        nn.Module: The module, in evaluation mode; its ``output_names`` name what it gives.

    Raises:
        ValueError: If the model is of a kind that is not supported.
    """
    model.eval()
    if task == 'detection':
        whole = WholeDetector(model, suppress)
    elif task == 'segmentation':
        whole = WholeSegmentor(model, logits)
    else:
        whole = WholeClassifier(model)
    if target is not None:
        to_deploy_form(model, target)
    if normalize_inside:
        whole = Normalized(whole, Normalization.of(model.data_preprocessor))
    return whole.eval().requires_grad_(False)
