"""The papers' parameters and multiply-adds, which count the classification head."""

import pytest

from mmghost.backbones import GhostNetV2
from mmghost.utils.complexity import count_complexity

HIDDEN, CLASSES = 1280, 1000


@pytest.mark.parametrize(
    ('widen_factor', 'size', 'params', 'multiply_adds'),
    [
        (1.0, 224, 6.16, 167.0),
        (1.0, 416, 6.16, 569.6),
        (1.6, 224, 12.39, 398.6),
    ],
)
def test_complexity_with_the_classification_head(widen_factor, size, params, multiply_adds):
    backbone = GhostNetV2(widen_factor, out_indices=(5,))
    found = count_complexity(backbone, (size, size))
    weights = backbone.out_channels[0] * HIDDEN + HIDDEN * CLASSES
    assert round((found.parameters + weights + HIDDEN + CLASSES) / 1e6, 2) == params
    assert round((found.multiply_adds + weights) / 1e6, 1) == multiply_adds
