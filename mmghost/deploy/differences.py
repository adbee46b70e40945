"""How far the outputs of two runtimes lie apart."""

import numpy as np

#: The largest difference that rounding explains: of a class map the share of pixels, of boxes the
#: part of the image's side, of scores and logits the part of the largest.
TOLERANCE = 1e-3
#: The same for a picture with repeated edges, which is like none that a network was trained on.
#: What goes wrong in some shapes only goes wrong by more.
EDGES_TOLERANCE = 2e-2


def difference(found, expected, task, size):
    """Tell how far outputs of an exported file lie from those of PyTorch.

    Args:
        found (list[ndarray]): The file's outputs.
        expected (list[ndarray]): PyTorch's.
        task (str): 'detection', 'segmentation' or 'classification'.
        size (tuple[int]): Height and width of the images.

    Returns:
        float: The largest difference, see :data:`TOLERANCE`; infinite if shapes differ or a box
        has no counterpart.
    """
    if [output.shape for output in found] != [output.shape for output in expected]:
        return float('inf')
    if task == 'detection':
        pairs = [list(zip(*outputs)) for outputs in (found, expected)]
        return max(
            max(_far(*image, *other, max(size)), _far(*other, *image, max(size)))
            for image, other in zip(*pairs)
        )
    (found,), (expected,) = found, expected
    if np.issubdtype(expected.dtype, np.integer):
        return float((found != expected).mean())
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _far(boxes, scores, labels, other_boxes, other_scores, other_labels, side):
    """Return how far the worst box lies from the nearest of its class among the others."""
    worst = 0.0
    for box, score, label in zip(boxes[scores > 0], scores[scores > 0], labels[scores > 0]):
        same = (other_labels == label) & (other_scores > 0)
        apart = np.abs(other_boxes[same] - box).max(1, initial=0) / side
        apart = np.maximum(apart, np.abs(other_scores[same] - score))
        worst = max(worst, apart.min(initial=np.inf))
    return float(worst)
