"""The forms that a network runs in: PyTorch's, and other runtimes'."""

import copy
from functools import partial

import numpy as np
import torch

from mmghost.deploy import to_deploy_form
from mmghost.deploy.runtimes import FORMATS, check_quantizer, export_module, load_exported

#: What networks are trained in, where batch norms cannot be folded
TRAINING_FORMS = ('eager', 'channels_last', 'compile')
#: The format of each other runtime's files
RUNTIMES = dict(onnxruntime='onnx', openvino='openvino', litert='litert', ncnn='ncnn', mnn='mnn')
#: The format of each runtime that computes in 8-bit integers, too
INT8 = {
    f'{name}-int8': kind for name, kind in RUNTIMES.items() if hasattr(FORMATS[kind], 'quantize')
}
#: The format of each form that is a file
FILES = RUNTIMES | INT8
FORMS = ('eager', 'channels_last', 'deploy', 'compile', *FILES)
#: The most that outputs of a form may be off, in parts of the largest
TOLERANCE = 1e-4
#: The same in 8-bit integers, by root mean squares: random weights suit them so badly that single
#: values say nothing. Nothing but zeros is off by 1
INT8_TOLERANCE = 0.9
#: Noise images that show a quantizer which values there are
CALIBRATED_ON = 4


def check_forms(forms, train=False):
    """Raise a ValueError, or ImportError for a missing package, unless networks run in forms."""
    if train and not set(forms) <= set(TRAINING_FORMS):
        raise ValueError(f'networks are trained in {", ".join(TRAINING_FORMS)} only.')
    for form in FILES.keys() & set(forms):
        FORMATS[FILES[form]].require_packages()
        if form in INT8:
            check_quantizer(FILES[form])


def make_form(model, form, image, train=False):
    """Make a PyTorch form of a network, which stays as it is, and of an image for it.

    All but 'eager' are in channels_last memory format; 'deploy' has its batch norms folded, and so
    has 'compile' for inference.
    """
    module = copy.deepcopy(model.module).train(train)
    if form in ('deploy', 'compile') and model.deploys and not train:
        to_deploy_form(module)
    if form != 'eager':
        module.to(memory_format=torch.channels_last)
        image = image.contiguous(memory_format=torch.channels_last)
    if form == 'compile':
        # Freezing lays weights out for the compiled program
        module.compile(dynamic=False, options=None if train else dict(freezing=True))
    return module, image


def prepare(model, form, image, folder, threads):
    """Make a network ready for inference, run it once, and return what runs it on the image.

    Other runtimes' files go to the folder; ``threads`` is for them. Outputs are tensors or arrays.
    """
    if form in FILES:
        kind = FILES[form]
        runtime = FORMATS[kind]
        module = copy.deepcopy(model.module)
        if model.deploys:
            module = to_deploy_form(module, 'torch' if form in INT8 else runtime.TARGET)
        file = folder / f'{form}{runtime.SUFFIX}'
        export_module(module, image, file, kind)
        if form in INT8:
            runtime.quantize(file, [torch.randn_like(image) for _ in range(CALIBRATED_ON)])
        run = partial(load_exported(file, threads), image.numpy())
    else:
        run = torch.inference_mode()(partial(*make_form(model, form, image)))
    run()
    return run


def training_step(module, image):
    """Return what runs a forward and backward pass of a mean square of every output."""

    def step():
        sum(out.square().mean() for out in module(image)).backward()
        module.zero_grad()

    return step


def check_agreement(name, found, expected, int8=False):
    """Raise a ValueError unless the outputs of ``name`` are those expected.

    Returns:
        float: The largest difference, in parts of the largest value of the same expected output;
            with ``int8`` the root mean square of the differences, in parts of that of the output.
    """
    found, expected = ([_as_array(value) for value in values] for values in (found, expected))
    size = np.linalg.norm if int8 else lambda values: np.abs(values).max()
    difference = float('inf')
    if [value.shape for value in found] == [value.shape for value in expected]:
        difference = max(
            float(size(one - other) / size(other)) for one, other in zip(found, expected)
        )
    tolerance = INT8_TOLERANCE if int8 else TOLERANCE
    if not difference <= tolerance:
        raise ValueError(
            f'{name} does not give the outputs of the same weights: they are off by '
            f'{difference:.2g} of their size, {tolerance:g} are allowed.'
        )
    return difference


def _as_array(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    return value.astype(np.float64)
