"""What the heads of single-stage detectors say, as boxes and scores.

A reader a family of heads, registered by the class that defines how its boxes are found. A head of
your own is exported once it has one::

    from mmghost.deploy.detection_heads import Level, register_reader

    @register_reader('MyHead')
    def read_mine(head, maps, size):
        for scores, boxes in zip(*maps):
            yield Level(boxes.flatten(2).mT, scores.flatten(2).mT.sigmoid())
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from mmghost.utils import are_static

READERS = {}
# Where mmdet's heads say how boxes are found
_METHODS = ('predict_by_feat', '_predict_by_feat_single', '_bbox_post_process')


class Level(NamedTuple):
    """The candidates of one level of a head, before any are dropped.

    Attributes:
        boxes (Tensor): Corners in pixels, ``(N, K, 4)``.
        scores (Tensor): A score for each class, ``(N, K, classes)``.
        factors (Tensor, optional): What the scores of a box are multiplied with after the
            thresholds, ``(N, K)``. Defaults to None.
        labels (Tensor, optional): The class of each box, ``(N, K)``, if it has one score only.
            Defaults to None.
        count (int, optional): How many pairs of a box and a class may stay. Defaults to None: the
            ``nms_pre`` of the config.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    factors: torch.Tensor | None = None
    labels: torch.Tensor | None = None
    count: int | None = None


def register_reader(*names):
    """Register a reader of heads.

    It is called with the head, the maps that the head's ``forward`` gives, and the image's height
    and width, and yields :class:`Level` objects.

    Args:
        *names (str): Names of the heads' classes. Classes that inherit from them are read too,
            unless they change how boxes are found.
    """

    def register(reader):
        READERS.update(dict.fromkeys(names, reader))
        return reader

    return register


def find_reader(head):
    """Return the reader of a head.

    Raises:
        ValueError: If it has none.
    """
    for cls in type(head).__mro__:
        if cls.__name__ in READERS:
            return READERS[cls.__name__]
        if any(name in vars(cls) for name in _METHODS):
            break
    raise ValueError(
        f'{type(head).__name__} cannot be exported: it finds boxes in a way of its own, for which '
        'mmghost.deploy.detection_heads has no reader.'
    )


def flat(map, *last):
    """Give a map's values by position: ``(N, A * C, H, W)`` as ``(N, H * W * A, C)``."""
    return map.permute(0, 2, 3, 1).reshape(map.shape[0], -1, *last)


def _priors(head, maps, **options):
    sizes = [map.shape[-2:] for map in maps]
    return head.prior_generator.grid_priors(sizes, device='cpu', **options)


def _decode(head, priors, offsets, size):
    """Decode offsets, ``(N, K, 4)``, from priors, ``(K, 4)`` or ``(K, 2)``."""
    priors = priors.repeat(offsets.shape[0], 1)
    boxes = head.bbox_coder.decode(priors, offsets.flatten(0, 1), max_shape=size)
    return boxes.view(offsets.shape[0], -1, 4)


def _scores(head, map):
    values = flat(map, head.cls_out_channels)
    return values.sigmoid() if head.use_sigmoid_cls else values.softmax(-1)[..., :-1]


@register_reader('BaseDenseHead', 'RPNHead')
def read_dense(head, maps, size):
    """Read what predicts as BaseDenseHead: RetinaNet's, FCOS', ATSS', SSD's, RTMDet's and more."""
    for priors, scores, offsets, *factors in zip(_priors(head, maps[0]), *maps):
        factors = flat(factors[0]).sigmoid() if factors else None
        yield Level(_decode(head, priors, flat(offsets, 4), size), _scores(head, scores), factors)


@register_reader('YOLOV3Head')
def read_yolov3(head, maps, size):
    """Read YOLOv3's, whose thresholds are for all levels together."""
    (maps,) = maps
    boxes, scores, factors = [], [], []
    for map, priors, stride in zip(maps, _priors(head, maps), head.featmap_strides):
        values = flat(map, head.num_attrib)
        offsets = torch.cat([values[..., :2].sigmoid(), values[..., 2:4]], -1)
        boxes.append(head.bbox_coder.decode(priors, offsets, stride))
        factors.append(values[..., 4].sigmoid())
        scores.append(values[..., 5:].sigmoid())
    yield Level(torch.cat(boxes, 1), torch.cat(scores, 1), torch.cat(factors, 1))


@register_reader('YOLOXHead')
def read_yolox(head, maps, size):
    """Read YOLOX', where each box has the class that it scores best."""
    for priors, scores, offsets, objectness in zip(_priors(head, maps[0], with_stride=True), *maps):
        best, labels = flat(scores, head.cls_out_channels).sigmoid().max(-1)
        boxes = head._bbox_decode(priors, flat(offsets, 4))
        scores = (best * flat(objectness).sigmoid())[..., None]
        # All of them, unless there may be any number
        count = boxes.shape[1] if are_static(boxes.shape[1]) else None
        yield Level(boxes, scores, labels=labels, count=count)


@register_reader('CenterNetHead')
def read_centernet(head, maps, size):
    """Read CenterNet's: the local maxima of a heatmap, with sides and offsets of the centres."""
    heatmap, sides, offsets = (map[0] for map in maps)
    kernel = head.test_cfg.local_maximum_kernel
    highest = F.max_pool2d(heatmap, kernel, stride=1, padding=kernel // 2)
    scores = flat(torch.where(highest == heatmap, heatmap, 0), head.num_classes)
    height, width = heatmap.shape[2:]
    rows, columns = torch.arange(height), torch.arange(width)
    places = torch.stack(torch.meshgrid(columns, rows, indexing='xy'), -1).flatten(0, 1)
    centres, halves = places + flat(offsets, 2), flat(sides, 2) / 2
    x, y = torch.stack([centres - halves, centres + halves], -1).unbind(-2)
    x, y = x * (size[1] / width), y * (size[0] / height)
    boxes = torch.stack([x, y], -1).flatten(-2)
    yield Level(boxes, scores, count=head.test_cfg.topk)


@register_reader('GFLHead')
def read_gfl(head, maps, size):
    """Read GFL's, whose offsets are the means of distributions."""
    strides = head.prior_generator.strides
    for priors, stride, scores, distributions in zip(_priors(head, maps[0]), strides, *maps):
        weights = flat(distributions, 4, head.reg_max + 1).softmax(-1)
        offsets = (weights * head.integral.project).sum(-1) * stride[0]
        boxes = _decode(head, head.anchor_center(priors), offsets, size)
        yield Level(boxes, _scores(head, scores))


@register_reader('TOODHead')
def read_tood(head, maps, size):
    """Read TOOD's, which gives scores and, in units of the stride, boxes."""
    for stride, scores, boxes in zip(head.prior_generator.strides, *maps):
        yield Level(flat(boxes, 4) * stride[0], flat(scores, head.cls_out_channels))


@register_reader('PAAHead')
def read_paa(head, maps, size):
    """Read PAA's, which thresholds the geometric means of scores and overlaps.

    Of the classes of all boxes five a box stay, where mmdet keeps all above the threshold.
    """
    count = head.test_cfg.get('nms_pre', -1)
    for level in read_dense(head, maps, size):
        boxes, scores = level.boxes, (level.scores * level.factors[..., None]).sqrt()
        if not are_static(boxes.shape[1]):  # there may be fewer in a small image
            boxes, scores = (F.pad(values, (0, 0, 0, count)) for values in (boxes, scores))
        if not are_static(boxes.shape[1]) or 0 < count < boxes.shape[1]:
            best = scores.amax(-1).topk(count).indices
            boxes, scores = take(boxes, best), take(scores, best)
        yield Level(boxes, scores, count=5 * count)


def take(values, indices):
    """Take rows of values, ``(N, K, C)``, by indices, ``(N, M)``."""
    return values.gather(1, indices[..., None].expand(-1, -1, values.shape[2]))
