"""Images of a config's data sets as an exported file takes them."""

from copy import deepcopy

import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS

from .metadata import input_channels
from .whole_model.normalization import Normalization


def example_image(config, model, size, normalize_inside):
    """Return the first test image, or noise where there is none that fits.

    Args:
        config (Config): A whole config.
        model (nn.Module): Its model.
        size (tuple[int]): Height and width of the file's input.
        normalize_inside (bool): Whether the file normalises images by itself.

    Returns:
        tuple[Tensor, str]: The image, of shape (1, C, *size), and what it is.
    """
    try:
        dataset = DATASETS.build(config.test_dataloader.dataset)
        image = _prepare(model.data_preprocessor, dataset[0], size, normalize_inside)
    except (OSError, ValueError):
        values = 255 * torch.rand(1, input_channels(model), *size)
        if not normalize_inside:
            _, mean, std = Normalization.of(model.data_preprocessor)
            values = (values - _column(mean)) / _column(std)
        return values, 'noise'
    return image, 'the first test image'


def calibration_images(config, model, size, normalize_inside, count):
    """Yield images from the whole of the training set, in the test pipeline's form.

    Args:
        config, model, size, normalize_inside: As in :func:`example_image`.
        count (int): Images to yield, as many as there are at most.

    Yields:
        Tensor: An image, of shape (1, C, *size).
    """
    train = deepcopy(config.train_dataloader.dataset)
    while 'dataset' in train:
        train = train.dataset
    train.pipeline = config.test_dataloader.dataset.pipeline
    dataset = DATASETS.build(train)
    for index in torch.linspace(0, len(dataset) - 1, min(count, len(dataset))).long().tolist():
        yield _prepare(model.data_preprocessor, dataset[index], size, normalize_inside)


def _prepare(preprocessor, sample, size, normalize_inside):
    images = preprocessor(pseudo_collate([sample]), False)['inputs']
    return fit(images, preprocessor, size, normalize_inside)


def fit(images, preprocessor, size, normalize_inside):
    """Give normalised images the size, and the form, that an exported file takes.

    Args:
        images (Tensor): What the data preprocessor gives, of shape (N, C, H, W).
        preprocessor (nn.Module): The data preprocessor.
        size (tuple[int | None]): Height and width of the file's input, None where any will do.
        normalize_inside (bool): Whether the file normalises images by itself.

    Returns:
        Tensor: The images, padded at the right and the bottom.

    Raises:
        ValueError: If an image is larger than ``size``.
    """
    height, width = images.shape[2:]
    below, right = ((wanted or side) - side for side, wanted in zip((height, width), size))
    if min(below, right) < 0:
        raise ValueError(
            f'an image of {height}x{width} does not fit into the input of {size[0]}x{size[1]}: '
            'export with another --shape, or with --dynamic size.'
        )
    images = F.pad(images, (0, right, 0, below))
    if normalize_inside:
        swap, mean, std = Normalization.of(preprocessor)
        images = images * _column(std) + _column(mean)
        if swap and images.shape[1] == 3:
            images = images[:, [2, 1, 0]]
    return images


def _column(values):
    return torch.tensor(values).view(-1, 1, 1)
