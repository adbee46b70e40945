"""Classifiers from the image to the scores of its classes."""

import torch.nn.functional as F
from torch import nn


class WholeClassifier(nn.Module):
    """A classifier of mmpretrain with the softmax.

    Args:
        model (ImageClassifier): The classifier.

    Shape:
        - Input: (N, C, H, W), normalised.
        - Output: scores (N, classes), which sum to 1.

    Raises:
        ValueError: If the head is not of the kind that scores classes by a softmax.
    """

    output_names = ('scores',)

    def __init__(self, model):
        super().__init__()
        from mmpretrain.models import ClsHead

        head = getattr(model, 'head', None)
        if not isinstance(head, ClsHead) or type(head).predict is not ClsHead.predict:
            raise ValueError(f'{type(head).__name__} does not score classes by a softmax.')
        self.model = model

    def forward(self, image):
        return (F.softmax(self.model(image, mode='tensor'), 1),)
