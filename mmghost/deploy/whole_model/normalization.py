"""The normalisation of the mm packages' data preprocessors."""

from typing import NamedTuple

import torch
from torch import nn


class Normalization(NamedTuple):
    """What is done to the channels of an image: an exchange, then a mean and a deviation."""

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


class Normalized(nn.Module):
    """A network that normalises its images by itself.

    Args:
        model (nn.Module): The network.
        normalization (Normalization): What its images need.

    Shape:
        - Input: (N, C, H, W), values from 0 to 255, channels in the order of the data pipeline.
    """

    def __init__(self, model, normalization):
        super().__init__()
        self.model = model
        self.output_names = model.output_names
        self.swap = normalization.swap
        self.register_buffer('mean', torch.tensor(normalization.mean).view(-1, 1, 1))
        self.register_buffer('std', torch.tensor(normalization.std).view(-1, 1, 1))

    def forward(self, image):
        if self.swap and image.shape[1] == 3:
            image = image[:, [2, 1, 0]]
        return self.model((image - self.mean) / self.std)
