"""What the input of an exported file is like, and images that are so."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from torch.utils.data import ConcatDataset

from mmghost.utils.configs import missing_data_explained, plain_datasets, type_name


class Normalization(NamedTuple):
    """What a data preprocessor does to channels: an exchange, then a mean and a deviation."""

    swap: bool
    mean: list
    std: list

    @classmethod
    def of(cls, preprocessor):
        """Read the normalisation of a data preprocessor of any of the three packages."""
        names = ('_channel_conversion', 'channel_conversion', 'to_rgb')
        swap = any(getattr(preprocessor, name, False) for name in names)
        if not getattr(preprocessor, '_enable_normalize', False):
            return cls(swap, [0.0], [1.0])
        values = (getattr(preprocessor, name).flatten().tolist() for name in ('mean', 'std'))
        return cls(swap, *([float(f'{value:.7g}') for value in channels] for channels in values))

    def apply(self, images):
        """Normalise images of shape (N, C, H, W), values from 0 to 255."""
        return (self._exchange(images) - _column(self.mean)) / _column(self.std)

    def undo(self, images):
        """Give normalised images as they were loaded."""
        return self._exchange(images * _column(self.std) + _column(self.mean))

    def _exchange(self, images):
        return images[:, [2, 1, 0]] if self.swap and images.shape[1] == 3 else images


def _column(values):
    return torch.tensor(values).view(-1, 1, 1)


class ModelInput:
    """The input of the file that a model is exported to.

    Args:
        config (Config): A whole config.
        model (nn.Module): Its model.
        normalize_inside (bool): Whether the file normalises images by itself.
        size (tuple[int], optional): Height and width, by default those of the config's test
            images.

    Raises:
        ValueError: If no size is given, and none to be found.
    """

    def __init__(self, config, model, normalize_inside, size=None):
        self.config = config
        self.preprocessor = model.data_preprocessor
        self.normalize_inside = normalize_inside
        self.size = size or test_input_size(config)
        self.channels = input_channels(model)
        self.divisor = getattr(self.preprocessor, 'pad_size_divisor', 1)

    def describe(self):
        """Say how the images are made, as a dict that JSON can hold."""
        swap, mean, std = Normalization.of(self.preprocessor)
        order = 'RGB' if swap and not self.normalize_inside else 'BGR'
        # What is padded is 0 after the normalisation
        pad = mean[::-1] if swap and len(mean) == 3 else mean
        return dict(
            input_size=self.size,
            transforms=test_transforms(self.config),
            channel_order=order if self.channels == 3 else 'as loaded',
            normalized_inside=self.normalize_inside,
            mean=None if self.normalize_inside else mean,
            std=None if self.normalize_inside else std,
            pad=dict(
                where='right and bottom, after the normalization',
                divisor=self.divisor,
                value=pad if self.normalize_inside else [0.0] * len(mean),
            ),
        )

    def example(self):
        """Give the first test image, or noise where there is none that fits.

        Returns:
            tuple[Tensor, str]: The image, of shape (1, C, *size), and what it is.
        """
        try:
            dataset = DATASETS.build(self.config.test_dataloader.dataset)
            return self._prepare(dataset[0]), 'the first test image'
        except (OSError, ValueError):
            noise = 255 * torch.rand(1, self.channels, *self.size)
            if not self.normalize_inside:
                noise = Normalization.of(self.preprocessor).apply(noise)
            return noise, 'noise'

    def calibration(self, count):
        """Give images, at most ``count``, from the whole of the training set, as for the test.

        Returns:
            Iterator[Tensor]: Images of shape (1, C, *size).

        Raises:
            MissingDataError: If the training set is not there.
        """
        pipeline = _test_pipeline(self.config)
        parts = plain_datasets(self.config.train_dataloader.dataset)
        with missing_data_explained(self.config):
            dataset = ConcatDataset(
                [DATASETS.build(dict(part, pipeline=pipeline)) for part in parts]
            )
            self._prepare(dataset[0])
        indices = torch.linspace(0, len(dataset) - 1, min(count, len(dataset))).long().tolist()
        return (self._prepare(dataset[index]) for index in indices)

    def _prepare(self, sample):
        images = self.preprocessor(pseudo_collate([sample]), False)['inputs']
        return fit(images, self.preprocessor, self.size, self.normalize_inside)


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
    return Normalization.of(preprocessor).undo(images) if normalize_inside else images


def input_channels(model):
    """Tell how many channels the images of a model have.

    Raises:
        ValueError: If it has no backbone, as models for retrieval and of text.
    """
    if not hasattr(model, 'backbone'):
        raise ValueError(f'{type(model).__name__} has no backbone.')
    return next(weight for weight in model.backbone.parameters() if weight.ndim == 4).shape[1]


def test_input_size(config):
    """Tell the height and width of a config's test images, the largest if they differ.

    They are those of the last transform that sets them or, without any, of the first test image.

    Args:
        config (Config): A whole config.

    Returns:
        tuple[int]: Height and width.

    Raises:
        ValueError: If neither is there.
    """
    for step in reversed(test_transforms(config)):
        size = step.get('crop_size', step.get('size', step.get('scale')))
        if size is not None:
            break
    else:
        try:
            image = DATASETS.build(config.test_dataloader.dataset)[0]['inputs']
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f'the test pipeline sets no size, and there is no test image to take it from '
                f'({error}): give --shape HEIGHT WIDTH.'
            ) from None
        size = tuple(image.shape[-2:])[::-1]
    width, height = (size, size) if isinstance(size, int) else size  # in mmcv's order
    divisor = config.model.data_preprocessor.get('pad_size_divisor', 1)
    return -(-height // divisor) * divisor, -(-width // divisor) * divisor


def test_transforms(config):
    """List the transforms of a config's test pipeline that change the image."""
    others = ('Load', 'Pack', 'Collect')
    return [dict(step) for step in _test_pipeline(config) if not type_name(step).startswith(others)]


def _test_pipeline(config):
    return plain_datasets(config.test_dataloader.dataset)[0].pipeline
