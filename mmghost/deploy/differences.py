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
        has no counterpart. Boxes that score like the last, of which rounding chooses some, need
        none, but their scores count.
    """
    if [output.shape for output in found] != [output.shape for output in expected]:
        return float('inf')
    if task == 'detection':
        pairs = [list(zip(*outputs)) for outputs in (found, expected)]
        return max(
            max(
                float(np.abs(image[1] - other[1]).max(initial=0)),
                _far(image, other, max(size)),
                _far(other, image, max(size)),
            )
            for image, other in zip(*pairs)
        )
    (found,), (expected,) = found, expected
    if np.issubdtype(expected.dtype, np.integer):
        return float((found != expected).mean())
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _far(image, other, side):
    """Return how far the worst box, and mask, lies from the nearest of its class among others."""
    boxes, scores, labels, *masks = image
    other_boxes, other_scores, other_labels, *other_masks = other
    worst = 0.0
    # Where all places are taken, what scores like the last may have got none
    least = scores[-1] + TOLERANCE if len(scores) and scores[-1] > 0 else 0
    for index in (scores > least).nonzero()[0]:
        same = ((other_labels == labels[index]) & (other_scores > 0)).nonzero()[0]
        if not len(same):
            return float('inf')
        apart = np.abs(other_boxes[same] - boxes[index]).max(1) / side
        apart = np.maximum(apart, np.abs(other_scores[same] - scores[index]))
        worst = max(worst, apart.min())
        for mask, other_mask in zip(masks, other_masks):
            nearest = other_mask[same[apart.argmin()]]
            worst = max(worst, np.abs(nearest - mask[index]).mean())
    return float(worst)
