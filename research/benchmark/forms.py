"""The forms that a network runs in: PyTorch's, and other runtimes'."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from mmghost.deploy import to_deploy_form

#: PyTorch's forms; the network as it comes is 'eager'
TORCH_FORMS = ('eager', 'channels_last', 'deploy', 'amp', 'compile')
TRAINING_FORMS = ('eager', 'channels_last', 'amp', 'compile')
#: The format and suffix of each other runtime's files
RUNTIMES = {
    'onnxruntime': ('onnx', '.onnx'),
    'openvino': ('openvino', '.xml'),
    'litert': ('litert', '.tflite'),
}
FORMS = (*TORCH_FORMS, *RUNTIMES)
TOLERANCE = 1e-4
#: Half precision rounds at every layer
HALF_TOLERANCE = 0.2


class Ready(NamedTuple):
    """A network in a form, ready to run on one input.

    ``run`` takes nothing and returns the outputs, tensors or arrays. ``module`` is what runs in
    PyTorch, ``file`` what another runtime has loaded.
    """

    run: Callable
    image: object
    module: nn.Module | None = None
    file: Path | None = None


class Autocast(nn.Module):
    """A module in the half precision that PyTorch prefers on its device."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        with torch.autocast(x.device.type):
            return self.module(x)


def has_form(model, form, train=False):
    """Tell whether a network has a form; see :data:`FORMS`, and TRAINING_FORMS for training."""
    return form in TRAINING_FORMS if train else model.deploys or form != 'deploy'


def tolerance(form):
    """Tell how far a form's outputs may be off, in parts of the largest."""
    return HALF_TOLERANCE if form == 'amp' else TOLERANCE


def make_form(model, form, train=False):
    """Make a PyTorch form of a network.

    Args:
        model (Model): The network, which stays as it is.
        form (str): One of :data:`TORCH_FORMS`. All but 'eager' are in channels_last memory format;
            'compile' is compiled in the deploy form, where there is one, for inference, and for
            one size, whatever was compiled before.
        train (bool): For training, where no form has its batch norms folded. Defaults to False.

    Returns:
        nn.Module: The form, in the mode that it is for.
    """
    module = copy.deepcopy(model.module)
    module.train(train)
    if form in ('deploy', 'compile') and model.deploys and not train:
        to_deploy_form(module)
    if form != 'eager':
        module.to(memory_format=torch.channels_last)
    if form == 'amp':
        module = Autocast(module).train(train)
    return torch.compile(module, dynamic=False) if form == 'compile' else module


def lay_out(image, form):
    """Give an image the memory format that a PyTorch form works in."""
    if form == 'eager':
        return image
    return image.contiguous(memory_format=torch.channels_last)


def prepare(model, form, image, folder, threads):
    """Make a network ready for inference.

    Args:
        model (Model): The network.
        form (str): One of :data:`FORMS`.
        image (Tensor): The input.
        folder (Path): Where exported files go.
        threads (int): Threads of a runtime other than PyTorch.

    Returns:
        Ready: The network, once run.

    Raises:
        ImportError: If a package that the runtime needs is missing.
    """
    if form in RUNTIMES:
        return _prepare_exported(model, form, image, folder, threads)
    module = make_form(model, form)
    image = lay_out(image, form)

    @torch.inference_mode()
    def run():
        return module(image)

    # Freezing folds batch norms and lays weights out for the compiled program; at the first run
    with torch._inductor.config.patch(freezing=True):
        run()
    return Ready(run, image, module=module)


def _prepare_exported(model, form, image, folder, threads):
    from mmghost.deploy.runtimes import export_module, load_exported

    format, suffix = RUNTIMES[form]
    module = copy.deepcopy(model.module)
    if model.deploys:
        to_deploy_form(module, form)
    file = (folder / form).with_suffix(suffix)
    export_module(module, image, file, format)
    array = image.numpy()
    run = partial(load_exported(file, threads), array)
    run()
    return Ready(run, array, file=file)
