"""What the layers of a network take and give on an image."""

from contextlib import ExitStack

import torch

from mmghost.utils import nearest


def find_layer(model, name):
    """Return a model's layer.

    Args:
        model (nn.Module): The model.
        name (str): The layer's, as in ``named_modules``.

    Raises:
        ValueError: If there is no such layer; the nearest there is are suggested.
    """
    modules = dict(model.named_modules())
    if not name or name not in modules:
        names = [known for known in modules if known]
        below = name.rpartition('.')[0]
        hint = nearest(name, [known for known in names if known.startswith(f'{below}.')] or names)
        raise ValueError(f'the model has no layer {name!r}{hint or "."}')
    return modules[name]


def record(model, layers, image):
    """Run a model, up to its heads' raw outputs, and keep what its layers take and give.

    Of a layer that runs several times, such as a head on several scales, the first run is kept.

    Args:
        model (nn.Module): A detector, segmentor or classifier, in evaluation mode.
        layers (dict[str, nn.Module]): Some of its layers, by name.
        image (InputImage): The image.

    Returns:
        dict[str, tuple[Tensor, Tensor]]: Each layer's first input and its output.

    Raises:
        ValueError: If a layer did not run.
    """
    found = {}

    def keep(name):
        def hook(module, args, output):
            if name not in found:
                # What follows may work in place
                found[name] = (_copy(args[0] if args else None), _copy(output))

        return hook

    with ExitStack() as stack, torch.no_grad():
        for name, layer in layers.items():
            stack.callback(layer.register_forward_hook(keep(name)).remove)
        model(image.inputs, image.data_samples, mode='tensor')
    for name in layers:
        if name not in found:
            raise ValueError(f'the layer {name!r} does not run when the model predicts.')
    return found


def _copy(value):
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def record_maps(model, name, image):
    """Give the maps that a layer puts out on an image.

    Args:
        model, image: As in :func:`record`.
        name (str): The layer's name.

    Returns:
        Tensor: The maps, ``(C, H, W)``.

    Raises:
        ValueError: If there is no such layer, or it gives no maps.
    """
    _, output = record(model, {name: find_layer(model, name)}, image)[name]
    if not isinstance(output, torch.Tensor) or output.ndim != 4:
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ValueError(f'the layer {name!r} gives no maps (N, C, H, W), but {shape}.')
    return output[0]
