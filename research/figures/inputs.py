"""Trained models, images as they take them, and what their layers make of them."""

import argparse
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

import mmghost  # noqa: F401
from mmghost.checkpoint import load_whole_model
from mmghost.deploy.model_input import input_channels
from mmghost.deploy.read_config import read_config
from mmghost.utils import nearest
from mmghost.utils.command_line import ArgumentParser, one_line_errors
from mmghost.utils.configs import config_scope, image_loader, plain_datasets, type_name
from mmghost.utils.inputs import check_input

from .pictures import check_new_file


def make_parser(description, images=1):
    """Make the parser of a command that draws what is in a trained model on some images."""
    parser = ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('config', help='a detection, segmentation or classification config')
    add('checkpoint', help='its checkpoint')
    add('-o', '--out', required=True, metavar='FILE', help='the picture to write')
    numbers = list(map(str, range(images)))
    names = f'files, or numbers of test images (default: {" ".join(numbers)})'
    add('--image', nargs='+' if images > 1 else 1, default=numbers, help=names)
    return parser


def run(parser, draw):
    """Do what the command line of a parser asks for, into a new file.

    Args:
        parser (ArgumentParser): Of :func:`make_parser`.
        draw (Callable): Gives the figure for the arguments, the model and the images.
    """
    args = parser.parse_args()
    with one_line_errors():
        check_new_file(args.out)
        model, images = open_model(args.config, args.checkpoint, args.image)
        draw(args, model, images).savefig(args.out)


class InputImage(NamedTuple):
    """An image before a model.

    Attributes:
        name (str): Its file, or its number in the test data.
        pixels (ndarray): What to show, ``(H, W)`` or RGB ``(H, W, 3)``, after the pipeline's
            resizing and cropping and before normalisation and padding, the first three of more
            channels; values from 0 to 1.
        inputs (Tensor): What the network takes, ``(1, C, H, W)``, padded at the right and the
            bottom.
        data_samples (list): What comes with it.
    """

    name: str
    pixels: np.ndarray
    inputs: torch.Tensor
    data_samples: list


def open_model(config, checkpoint, images):
    """tuple[nn.Module, list[InputImage]]: A config's trained model, and images for it."""
    config, _ = read_config(config)
    init_default_scope(config_scope(config))
    model = MODELS.build(config.model)
    load_whole_model(model, checkpoint)
    model.eval()
    return model, input_images(config, model, images)


def input_images(config, model, names):
    """Prepare images as the config's test pipeline does.

    Args:
        config (Config): A whole config.
        model (nn.Module): Its model.
        names (Sequence[str]): Files, or numbers of images in the config's test data, from 0.

    Returns:
        list[InputImage]: The images.

    Raises:
        FileNotFoundError: If a file does not exist, or the test data cannot be read.
        ValueError: If a file is not an image, or there is no test image of a number.
    """
    dataset, images = None, []
    for name in names:
        if not name.isdigit():
            sample, title = _read_file(config, model, name), Path(name).name
        else:
            dataset = dataset or _test_data(config)
            if int(name) >= len(dataset):
                raise ValueError(f'there are test images 0 to {len(dataset) - 1}, but no {name}.')
            sample, title = dataset[int(name)], f'test image {name}'
        prepared = model.data_preprocessor(pseudo_collate([sample]), False)
        pixels = _to_show(sample['inputs'])
        images.append(InputImage(title, pixels, prepared['inputs'], prepared['data_samples']))
    return images


def _test_data(config):
    try:
        return DATASETS.build(config.test_dataloader.dataset)
    except OSError as error:
        raise FileNotFoundError(
            f"the config's test data cannot be read: give --image FILE ({error})."
        ) from error


def _read_file(config, model, name):
    """Run the test pipeline on a file, its annotations left out."""
    check_input(name, 'image')
    color_type = 'grayscale' if input_channels(model) == 1 else 'color'
    try:
        loaded = image_loader(config, color_type)(dict(img_path=name, img_id=0))
    except (AssertionError, cv2.error):
        loaded = None
    if loaded is None:
        raise ValueError(f'{name} is not an image that can be read.')
    pipeline = plain_datasets(config.test_dataloader.dataset)[0].pipeline
    pipeline = Compose([step for step in pipeline if not type_name(step).startswith('Load')])
    return pipeline(loaded)


def _to_show(inputs):
    pixels = inputs.permute(1, 2, 0).double().numpy()
    if inputs.dtype == torch.uint8:
        pixels = pixels / 255
    else:  # a pipeline that normalises by itself
        pixels = (pixels - pixels.min()) / max(np.ptp(pixels), 1e-12)
    return pixels[..., 2::-1] if pixels.shape[2] > 2 else pixels[..., 0]


def find_layer(model, name):
    """Return a model's layer, or raise a ValueError that suggests the nearest name there is."""
    modules = dict(model.named_modules())
    if name not in modules:
        beside = [known for known in modules if known.startswith(f'{name.rpartition(".")[0]}.')]
        hint = nearest(name, beside or modules)
        raise ValueError(f'the model has no layer {name!r}{hint or "."}')
    return modules[name]


def record(model, layers, image):
    """Run a model, up to its heads' raw outputs, and keep what its layers take and give.

    Of a layer that runs several times, such as a head on several scales, the first run is kept; one
    that does not run is a ValueError.

    Args:
        model (nn.Module): A detector, segmentor or classifier, in evaluation mode.
        layers (dict[str, nn.Module]): Some of its layers, by name.
        image (InputImage): The image.

    Returns:
        dict[str, tuple[tuple, Tensor]]: Each layer's inputs and its output.
    """
    found = {}

    def keep(name, module, args, output):
        # What follows may work in place
        found.setdefault(name, deepcopy((args, output)))

    hooks = [layer.register_forward_hook(partial(keep, name)) for name, layer in layers.items()]
    with torch.no_grad():
        model(image.inputs, image.data_samples, mode='tensor')
    for hook in hooks:
        hook.remove()
    for name in layers.keys() - found:
        raise ValueError(f'the layer {name!r} does not run when the model predicts.')
    return found


def record_maps(model, name, image):
    """Give the maps ``(C, H, W)`` that a layer puts out on an image; a ValueError if none."""
    _, output = record(model, {name: find_layer(model, name)}, image)[name]
    if not isinstance(output, torch.Tensor) or output.ndim != 4:
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise ValueError(f'the layer {name!r} gives no maps (N, C, H, W), but {shape}.')
    return output[0]
