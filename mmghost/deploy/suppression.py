"""Non-maximum suppression with outputs of fixed size, in two ways that choose the same boxes."""

import torch
import torch.nn.functional as F


def suppress_by_operator(boxes, scores, labels, iou_threshold, count):
    """Choose boxes with torchvision's operator, which ONNX has too.

    Args:
        boxes (Tensor): Corners, of shape (N, K, 4).
        scores (Tensor): Scores, of shape (N, K); a box that is none has score 0.
        labels (Tensor): Classes, of shape (N, K); boxes suppress those of their own class only.
        iou_threshold (float): Overlap from which a box of lower score is dropped.
        count (int): Boxes to choose, at most K.

    Returns:
        tuple[Tensor]: Indices of the chosen boxes and their scores, each of shape (N, count), best
        first; past the last box the scores are 0.
    """
    from torchvision.ops import nms

    columns = torch.arange(boxes.shape[0])[:, None].expand_as(labels)
    apart = _put_apart(boxes, scores, columns, labels).flatten(0, 1)
    # torch.export is told by torchvision that two boxes are kept at least, so two are added
    added = apart.max() + apart.new_tensor([[1.0, 1.0, 2.0, 2.0], [3.0, 3.0, 4.0, 4.0]])
    flat = F.pad(scores.flatten(), (0, 2))
    kept = nms(torch.cat([apart, added]), flat, iou_threshold)
    kept = torch.zeros_like(flat).index_put((kept,), flat[kept])[:-2]
    scores, chosen = kept.view_as(scores).topk(count)
    return chosen, scores


def suppress_in_steps(boxes, scores, labels, iou_threshold, count):
    """Choose one box after the other, for runtimes without an operator for it.

    Takes and returns what :func:`suppress_by_operator` does.
    """
    x1, y1, x2, y2 = _put_apart(boxes, scores, torch.zeros_like(labels), labels).unbind(-1)
    places = torch.arange(boxes.shape[1])
    areas = (x2 - x1) * (y2 - y1)
    chosen, found = [], []
    for _ in range(count):
        best = scores.argmax(1, keepdim=True)
        chosen.append(best)
        found.append(scores.gather(1, best))
        left, top, right, bottom, area = (
            values.gather(1, best) for values in (x1, y1, x2, y2, areas)
        )
        width = (torch.minimum(x2, right) - torch.maximum(x1, left)).clamp(min=0)
        height = (torch.minimum(y2, bottom) - torch.maximum(y1, top)).clamp(min=0)
        common = width * height
        dropped = common > iou_threshold * (areas + area - common)
        scores = torch.where(dropped | (places == best), 0, scores)
    return torch.cat(chosen, 1), torch.cat(found, 1)


def _put_apart(boxes, scores, columns, rows):
    """Move boxes of different columns or rows so far that they cannot overlap.

    What is no box becomes the same small one everywhere, in a row of its own.
    """
    real = scores > 0
    boxes = torch.where(real[..., None], boxes, boxes.new_tensor([0.0, 0.0, 1.0, 1.0]))
    rows = torch.where(real, rows, -1)
    step = boxes.max() - boxes.min() + 1
    return boxes + torch.stack([columns, rows, columns, rows], -1) * step
