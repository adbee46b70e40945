"""Detectors for runtimes that cannot drop boxes: a file up to all boxes, the rest beside it."""

import torch
from mmengine.config import ConfigDict
from torch import nn

from .deformable import replace_deformable
from .detection_heads import Level, find_reader
from .detectors import check_suppression, choose, drop, join, test_cfgs
from .suppression import suppress_by_operator

_ALONE = 'has no boxes that can be dropped after a file'


class RawDetector(nn.Module):
    """A single-stage detector up to all boxes, decoded, and their scores.

    Args:
        model (nn.Module): The detector; it is changed.

    Shape:
        - Input: (N, C, H, W).
        - Output: boxes (N, A, 4), not clipped to the image, scores (N, A, classes) and, of heads
          that have them, factors (N, A, 1) that the scores of a box are multiplied with.

    Raises:
        ValueError: If it has several stages, or drops boxes otherwise than by plain non-maximum
            suppression.
    """

    output_names = ('boxes', 'scores', 'factors')  # the last not of all heads

    def __init__(self, model):
        from mmdet.models import SingleStageDetector

        super().__init__()
        if not isinstance(model, SingleStageDetector):
            raise ValueError(f'{type(model).__name__} {_ALONE}: it has more than one stage.')
        replace_deformable(model)
        self.model = model
        self.read = find_reader(model.bbox_head)
        (cfg,) = test_cfgs(model)
        if 'nms' not in cfg:
            raise ValueError(f'{type(model.bbox_head).__name__} {_ALONE}: it drops none.')
        check_suppression(cfg)

    def _levels(self, image, size):
        maps = self.model.bbox_head(self.model.extract_feat(image))
        return list(self.read(self.model.bbox_head, maps, size))

    def forward(self, image):
        boxes, scores, factors = zip(*(level[:3] for level in self._levels(image, None)))
        found = torch.cat(boxes, 1), torch.cat(scores, 1)
        if factors[0] is not None:
            found += (torch.cat([factor[..., None] for factor in factors], 1),)
        return found

    @torch.no_grad()
    def describe(self, image):
        """Say what :func:`suppress_raw` needs to know for images of this size.

        Returns:
            dict: ``levels``, how many boxes each has and how many of its pairs of a box and a
            class may stay, None for the config's; ``clipped``, the image's height and width if
            boxes are clipped to them, else None.

        Raises:
            ValueError: If a box has one class, or boxes vote.
        """
        levels = self._levels(image, (1, 1))
        voting = getattr(self.model.bbox_head, 'with_score_voting', False)
        if voting or levels[0].labels is not None:
            name = type(self.model.bbox_head).__name__
            raise ValueError(f'{name} {_ALONE}: they vote, or have one class each.')
        clipped = all((level.boxes <= 1).all() for level in levels)
        return dict(
            levels=[[level.boxes.shape[1], level.count] for level in levels],
            clipped=list(image.shape[2:]) if clipped else None,
        )


class Suppressed:
    """The exported file of a :class:`RawDetector`, with the boxes dropped after it.

    Args:
        exported (Callable): See :func:`mmghost.deploy.runtimes.load_exported`.
    """

    output_names = ['boxes', 'scores', 'labels']

    def __init__(self, exported):
        self.exported = exported
        self.metadata = exported.metadata
        self.input_shape = exported.input_shape

    def __call__(self, image):
        return suppress_raw(self.exported(image), self.metadata)


def suppress_raw(outputs, metadata):
    """Drop boxes as mmdet does.

    Args:
        outputs (list[ndarray]): Those of a :class:`RawDetector`.
        metadata (dict): The file's, with ``thresholds`` and ``suppression``.

    Returns:
        list[ndarray]: Boxes (N, K, 4), scores (N, K) and labels (N, K), as
        :func:`mmghost.deploy.whole_model.whole_model` has them.
    """
    boxes, scores, *factors = map(torch.from_numpy, outputs)
    factors = factors[0][..., 0] if factors else None
    about, cfg = metadata['suppression'], ConfigDict(metadata['thresholds'])
    if about['clipped'] is not None:
        height, width = about['clipped']
        limits = boxes.new_tensor([width, height, width, height])
        boxes = torch.minimum(boxes.clamp(min=0), limits)
    lengths, counts = zip(*about['levels'])
    parts = [part if part is None else part.split(lengths, 1) for part in (boxes, scores, factors)]
    chosen = [
        choose(Level(box, score, factor, count=count), cfg)
        for box, score, factor, count in zip(*(p or [None] * len(lengths) for p in parts), counts)
    ]
    return [part.numpy() for part in drop(*join(chosen), cfg, suppress_by_operator)]
