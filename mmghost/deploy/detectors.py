"""Whole detectors of mmdet as plain functions of the image."""

import torch
import torch.nn.functional as F
from torch import nn

from mmghost.utils import are_static
from mmghost.utils.configs import type_name

from .deformable import replace_deformable
from .detection_heads import Level, find_reader, take
from .suppression import suppress_in_steps

#: The boxes of a detector whose config does not say how many it gives, such as YOLOX'
MOST = 300


def whole_detector(model, suppress):
    """Wrap a detector of mmdet as a module from an image tensor to a tuple of tensors.

    Args:
        model (nn.Module): The detector; it is changed.
        suppress (Callable): How boxes are dropped, see :mod:`.suppression`.

    Returns:
        nn.Module: See :func:`mmghost.deploy.whole_model.whole_model`.

    Raises:
        ValueError: If it cannot be had.
    """
    from mmdet.models import SingleStageDetector, TwoStageDetector

    replace_deformable(model)
    if isinstance(model, TwoStageDetector):
        if suppress is suppress_in_steps:
            raise ValueError(
                f'{type(model).__name__} has two stages, for which LiteRT has no RoIAlign.'
            )
        return WholeTwoStageDetector(model, suppress)
    if isinstance(model, SingleStageDetector):
        return WholeDetector(model, suppress)
    raise ValueError(
        f'{type(model).__name__} cannot be exported: only detectors with one stage, or two, can, '
        'no transformers, and no masks but those of Mask R-CNN.'
    )


def test_cfgs(model):
    """List the test configs of a detector's heads, the one that gives the boxes last."""
    heads = (getattr(model, name, None) for name in ('rpn_head', 'roi_head', 'bbox_head'))
    return [head.test_cfg for head in heads if head is not None]


def check_suppression(cfg):
    """Raise a ValueError if boxes are dropped, but not by plain non-maximum suppression."""
    kind = type_name(dict(type='nms') | cfg.get('nms', {}))
    if kind != 'nms':
        raise ValueError(f"only the suppression 'nms' can be exported, but got {kind!r}.")


class WholeDetector(nn.Module):
    """A single-stage detector with decoding and non-maximum suppression."""

    output_names = ('boxes', 'scores', 'labels')

    def __init__(self, model, suppress):
        super().__init__()
        self.model = model
        self.suppress = suppress
        self.read = find_reader(model.bbox_head)
        (self.cfg,) = test_cfgs(model)
        check_suppression(self.cfg)

    def forward(self, image):
        maps = self.model.bbox_head(self.model.extract_feat(image))
        levels = self.read(self.model.bbox_head, maps, image.shape[2:])
        found = join(choose(level, self.cfg) for level in levels)
        boxes, scores, labels = drop(*found, self.cfg, self.suppress)
        if getattr(self.model.bbox_head, 'with_score_voting', False):
            boxes = vote(boxes, labels, *found)
        return boxes, scores, labels


def choose(level, cfg):
    """Choose the best pairs of a box and a class, by their scores without the factors.

    Args:
        level (Level): The candidates.
        cfg (ConfigDict): A head's ``test_cfg``.

    Returns:
        tuple[Tensor]: Boxes, ``(N, K, 4)``, scores and labels, ``(N, K)``; what is below a
        threshold has score 0.
    """
    boxes, scores, factors, labels, count = level
    allowed = scores > cfg.get('score_thr', 0)
    if factors is not None and cfg.get('conf_thr', -1) > 0:
        allowed = allowed & (factors >= cfg.conf_thr)[..., None]
    classes = scores.shape[2]
    values = torch.where(allowed, scores, 0).flatten(1)
    count = count or cfg.get('nms_pre', -1)
    if not are_static(values.shape[1]):  # there may be fewer in a small image
        values = F.pad(values, (0, count))
    elif not 0 < count < values.shape[1]:
        count = values.shape[1]
    scores, pairs = values.topk(count)
    owners = (pairs // classes).clamp(max=boxes.shape[1] - 1)
    if factors is not None:
        scores = scores * factors.gather(1, owners)
    labels = pairs % classes if labels is None else labels.gather(1, owners)
    return take(boxes, owners), scores, labels


def join(levels):
    """Join what levels have chosen."""
    return tuple(torch.cat(parts, 1) for parts in zip(*levels))


def drop(boxes, scores, labels, cfg, suppress):
    """Drop boxes that are too small, and those that overlap better ones of their class.

    Returns:
        tuple[Tensor]: Boxes, scores and labels of the ``max_per_img`` best, best first; where
        there are fewer, the last have score 0 and label -1.
    """
    smallest = cfg.get('min_bbox_size', -1)
    if smallest >= 0:
        sides = boxes[..., 2:] - boxes[..., :2]
        scores = torch.where((sides > smallest).all(-1), scores, 0)
    count = min(cfg.get('max_per_img', MOST), scores.shape[1])
    if 'nms' in cfg:
        groups = torch.zeros_like(labels) if cfg.nms.get('class_agnostic') else labels
        chosen, scores = suppress(boxes, scores, groups, cfg.nms.iou_threshold, count)
    else:
        scores, chosen = scores.topk(count)
    real = scores > 0
    boxes = torch.where(real[..., None], take(boxes, chosen), 0)
    return boxes, scores, torch.where(real, labels.gather(1, chosen), -1)


def vote(boxes, labels, candidates, scores, candidate_labels):
    """Move boxes towards the candidates of their class that overlap them (PAA, Section 3.4)."""
    corners, others = boxes[:, :, None], candidates[:, None]
    low, high = torch.maximum(corners, others), torch.minimum(corners, others)
    sides = (high[..., 2:] - low[..., :2]).clamp(min=0)
    common = sides[..., 0] * sides[..., 1]
    areas = [(c[..., 2] - c[..., 0]) * (c[..., 3] - c[..., 1]) for c in (corners, others)]
    overlap = common / (areas[0] + areas[1] - common).clamp(min=1e-6)
    counted = (overlap > 0.01) & (labels[:, :, None] == candidate_labels[:, None])
    weights = torch.where(counted, torch.exp(-((1 - overlap) ** 2) / 0.025), 0) * scores[:, None]
    voted = weights @ candidates / weights.sum(-1, keepdim=True).clamp(min=1e-12)
    return torch.where((labels >= 0)[..., None], voted, 0)


class WholeTwoStageDetector(nn.Module):
    """Faster R-CNN, Mask R-CNN or Cascade R-CNN, masks in the grid of each box."""

    def __init__(self, model, suppress):
        super().__init__()
        from mmdet.models import CascadeRoIHead, RPNHead, StandardRoIHead

        roi_head = model.roi_head
        kinds = type(model.rpn_head), type(roi_head)
        if kinds not in ((RPNHead, StandardRoIHead), (RPNHead, CascadeRoIHead)):
            raise ValueError(
                f'{type(model).__name__} cannot be exported: of two stages only RPNHead with '
                'StandardRoIHead or CascadeRoIHead can.'
            )
        self.model = model
        self.suppress = suppress
        self.read = find_reader(model.rpn_head)
        self.rpn_cfg, self.cfg = test_cfgs(model)
        check_suppression(self.rpn_cfg)
        check_suppression(self.cfg)
        self.output_names = ('boxes', 'scores', 'labels')
        if roi_head.with_mask:
            self.output_names += ('masks',)
        self.stages = _stages(roi_head, 'bbox')

    def forward(self, image):
        size = image.shape[2:]
        maps = self.model.extract_feat(image)
        boxes, real = self._propose(maps, size)
        logits = []
        for extractor, head in self.stages:
            found, offsets = head(_extract(extractor, maps, boxes))
            logits.append(found)
            decoded = _decode(head, boxes, offsets, size)
            if len(logits) < len(self.stages):
                boxes = _best(decoded, found)
        scores = (sum(logits) / len(logits)).softmax(-1)[:, :-1].view(*real.shape, -1)
        scores = torch.where(real[..., None], scores, 0)
        labels = torch.arange(scores.shape[2]).expand_as(scores)
        level = Level(decoded, scores.flatten(1)[..., None], labels=labels.flatten(1))
        boxes, scores, labels = drop(*choose(level, self.cfg), self.cfg, self.suppress)
        if not self.model.roi_head.with_mask:
            return boxes, scores, labels
        return boxes, scores, labels, self._masks(maps, boxes, labels)

    def _propose(self, maps, size):
        """Give boxes, ``(N, K, 4)``, and which of them are some."""
        head = self.model.rpn_head
        levels = [choose(level, self.rpn_cfg) for level in self.read(head, head(maps), size)]
        levels = [
            (boxes, scores, torch.full_like(labels, index))
            for index, (boxes, scores, labels) in enumerate(levels)
        ]
        boxes, scores, _ = drop(*join(levels), self.rpn_cfg, self.suppress)
        return boxes, scores > 0

    def _masks(self, maps, boxes, labels):
        chosen = labels.clamp(min=0).flatten()[:, None, None, None]
        found = []
        for extractor, head in _stages(self.model.roi_head, 'mask'):
            masks = head(_extract(extractor, maps, boxes)).sigmoid()
            index = torch.zeros_like(chosen) if head.class_agnostic else chosen
            found.append(masks.gather(1, index.expand(-1, 1, *masks.shape[2:])))
        return (sum(found) / len(found)).view(*labels.shape, *found[0].shape[2:])


def _stages(roi_head, kind):
    """List pairs of an extractor and a head."""
    parts = [getattr(roi_head, f'{kind}_{part}') for part in ('roi_extractor', 'head')]
    return list(zip(*(part if isinstance(part, nn.ModuleList) else [part] for part in parts)))


def _extract(extractor, maps, boxes):
    """Give each box's part of the map that suits its size, ``(N * K, C, height, width)``."""
    from torchvision.ops import roi_align

    images = torch.arange(len(boxes), dtype=boxes.dtype).view(-1, 1, 1)
    rois = torch.cat([images.expand(-1, boxes.shape[1], 1), boxes], -1).flatten(0, 1)
    layers = extractor.roi_layers
    parts = [
        roi_align(
            map, rois, layer.output_size, layer.spatial_scale, layer.sampling_ratio, layer.aligned
        )
        for map, layer in zip(maps, layers)
    ]
    levels = extractor.map_roi_levels(rois, len(layers))[:, None, None, None]
    return sum(torch.where(levels == index, part, 0) for index, part in enumerate(parts))


def _decode(head, boxes, offsets, size):
    """Decode boxes, ``(N, K, 4)``, for each class: ``(N, K * classes, 4)``."""
    repeats = (1, head.num_classes) if head.reg_class_agnostic else (head.num_classes, 1)
    boxes = boxes.repeat_interleave(repeats[0], 1)
    decoded = head.bbox_coder.decode(boxes.flatten(0, 1), offsets.view(-1, 4), max_shape=size)
    return decoded.view_as(boxes).repeat_interleave(repeats[1], 1)


def _best(decoded, logits):
    """Take from each box's the one of the class with the greatest logit, the last being none."""
    classes = logits.shape[1] - 1
    labels = logits[:, :classes].argmax(1).view(len(decoded), -1)
    return take(decoded, torch.arange(labels.shape[1]) * classes + labels)
