"""A model as small as can be, and an image for it."""

import numpy as np
import torch
from torch import nn

from research.figures.inputs import InputImage


class Model(nn.Module):
    """Calls its backbone as the mm packages' models do."""

    def __init__(self, *layers):
        super().__init__()
        self.backbone = nn.Sequential(*layers)
        self.double().eval()

    def forward(self, inputs, data_samples, mode):
        return self.backbone(inputs)


def image(height, width, channels=3):
    pixels = np.zeros((height, width, 3))
    inputs = torch.randn(1, channels, height, width, dtype=torch.double)
    return InputImage('noise', pixels, inputs, [])
