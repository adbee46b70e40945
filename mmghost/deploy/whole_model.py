"""The whole model of any of the three tasks as a plain function of the image."""

import torch
import torch.nn.functional as F
from torch import nn

from mmghost.utils.configs import type_name

from .deploy_form import to_deploy_form
from .model_input import Normalization
from .suppression import suppress_by_operator


def whole_model(
    model, task, normalize_inside=False, logits=False, suppress=suppress_by_operator, target=None
):
    """Wrap a model of an mm package as a module from an image tensor to a tuple of tensors.

    Args:
        model (nn.Module): The model; it is changed.
        task (str): 'detection', 'segmentation' or 'classification'.
        normalize_inside (bool): Take images as the data pipeline gives them, values from 0 to
            255. Defaults to False.
        logits (bool): Of segmentation, give logits instead of classes. Defaults to False.
        suppress (Callable): How detection drops boxes. Defaults to the operator.
        target (str, optional): The runtime whose deploy form the model is put into, see
            :func:`mmghost.deploy.to_deploy_form`. Defaults to None (it stays as it is).

    Shape:
        - Input: (N, C, H, W), normalised, or channels in the order of the data pipeline.
        - Of detection: boxes (N, K, 4), scores (N, K) and labels (N, K), best first; K is the
          ``max_per_img`` of the test config. They are what mmdet itself finds, before it scales
          them to the original image. Where there are fewer, the last have score 0 and label -1.
        - Of segmentation: classes (N, H, W), integers, or logits (N, classes, H, W).
        - Of classification: scores (N, classes), which sum to 1.

    Returns:
        nn.Module: The module, in evaluation mode; its ``output_names`` name what it gives.

    Raises:
        ValueError: If the model is of a kind that is not supported: a detector that is not single
            stage or predicts in a way of its own, a segmentor that is no EncoderDecoder or tests
            with sliding windows, a classifier without a softmax.
    """
    model.eval()
    if task == 'detection':
        whole = WholeDetector(model, suppress)
    elif task == 'segmentation':
        whole = WholeSegmentor(model, logits)
    else:
        whole = WholeClassifier(model)
    if target is not None:
        to_deploy_form(model, target)
    if normalize_inside:
        whole = Normalized(whole, Normalization.of(model.data_preprocessor))
    return whole.eval().requires_grad_(False)


class Normalized(nn.Module):
    """A network that normalises its images by itself."""

    def __init__(self, model, normalization):
        super().__init__()
        self.model = model
        self.output_names = model.output_names
        self.normalization = normalization

    def forward(self, image):
        return self.model(self.normalization.apply(image))


class WholeClassifier(nn.Module):
    """A classifier of mmpretrain with the softmax."""

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


class WholeSegmentor(nn.Module):
    """A segmentor of mmseg, its map enlarged to the image."""

    def __init__(self, model, logits):
        super().__init__()
        from mmseg.models import EncoderDecoder

        if not isinstance(model, EncoderDecoder):
            raise ValueError(f'{type(model).__name__} is no EncoderDecoder of mmseg.')
        if model.test_cfg.get('mode', 'whole') != 'whole':
            raise ValueError(
                'the config tests with sliding windows, and a file holds the network of one: set '
                'model.test_cfg.mode=whole.'
            )
        model.auxiliary_head = None
        self.model = model
        self.logits = logits
        self.output_names = ('logits',) if logits else ('classes',)

    def forward(self, image):
        size = tuple(image.shape[2:])
        logits = self.model.encode_decode(image, [dict(img_shape=size, pad_shape=size)])
        if self.logits:
            return (logits,)
        if logits.shape[1] == 1:
            return ((logits[:, 0].sigmoid() > self.model.decode_head.threshold).long(),)
        return (logits.argmax(1),)


class WholeDetector(nn.Module):
    """A detector of mmdet with decoding and non-maximum suppression."""

    output_names = ('boxes', 'scores', 'labels')

    def __init__(self, model, suppress):
        super().__init__()
        self.model = model
        self.suppress = suppress
        self.read = _find_reader(model)
        self.cfg = model.bbox_head.test_cfg
        kind = type_name(dict(type='nms') | self.cfg.nms)
        if kind != 'nms':
            raise ValueError(f"only the suppression 'nms' can be exported, but got {kind!r}.")

    def forward(self, image):
        head = self.model.bbox_head
        maps = head(self.model.extract_feat(image))
        levels = [self._candidates(*level) for level in self.read(head, maps, image.shape[2:])]
        boxes, scores, labels = (torch.cat(parts, 1) for parts in zip(*levels))
        smallest = self.cfg.get('min_bbox_size', -1)
        if smallest >= 0:
            sides = boxes[..., 2:] - boxes[..., :2]
            scores = torch.where((sides > smallest).all(-1), scores, 0)
        count = min(self.cfg.max_per_img, scores.shape[1])
        groups = torch.zeros_like(labels) if self.cfg.nms.get('class_agnostic') else labels
        chosen, scores = self.suppress(boxes, scores, groups, self.cfg.nms.iou_threshold, count)
        real = scores > 0
        boxes = torch.where(real[..., None], _take(boxes, chosen), 0)
        labels = torch.where(real, labels.gather(1, chosen), -1)
        return boxes, scores, labels

    def _candidates(self, boxes, scores, factors):
        """Choose the best pairs of a box and a class, by their scores without the factors."""
        allowed = scores > self.cfg.get('score_thr', 0)
        if self.cfg.get('conf_thr', -1) > 0:
            allowed = allowed & (factors >= self.cfg.conf_thr)[..., None]
        classes = scores.shape[2]
        flat = torch.where(allowed, scores, 0).flatten(1)
        count = self.cfg.get('nms_pre', -1)
        if not isinstance(flat.shape[1], int):  # there may be fewer in a small image
            flat = F.pad(flat, (0, count))
        elif not 0 < count < flat.shape[1]:
            count = flat.shape[1]
        scores, pairs = flat.topk(count)
        owners = (pairs // classes).clamp(max=boxes.shape[1] - 1)
        scores = scores * factors.gather(1, owners)
        return _take(boxes, owners), scores, pairs % classes


def _take(boxes, indices):
    return boxes.gather(1, indices[..., None].expand(-1, -1, 4))


def _find_reader(model):
    """Return what turns the head's maps into levels of (boxes, class scores, factors)."""
    from mmdet.models import YOLOV3Head
    from mmdet.models.dense_heads.base_dense_head import BaseDenseHead

    head = type(getattr(model, 'bbox_head', None))
    if head is YOLOV3Head:
        return _read_yolov3
    methods = ('predict_by_feat', '_predict_by_feat_single', '_bbox_post_process')
    if issubclass(head, BaseDenseHead) and all(
        getattr(head, name) is getattr(BaseDenseHead, name) for name in methods
    ):
        return _read_dense
    raise ValueError(
        f'{type(model).__name__} cannot be exported: it must have a YOLOV3Head, or a dense head '
        'that predicts by the method of BaseDenseHead, as RetinaHead, FCOSHead and ATSSHead do.'
    )


def _read_yolov3(head, maps, size):
    (maps,) = maps
    priors = head.prior_generator.grid_priors([map.shape[-2:] for map in maps], device='cpu')
    boxes, scores, factors = [], [], []
    for map, prior, stride in zip(maps, priors, head.featmap_strides):
        values = map.permute(0, 2, 3, 1).reshape(map.shape[0], -1, head.num_attrib)
        offsets = torch.cat([values[..., :2].sigmoid(), values[..., 2:4]], -1)
        boxes.append(head.bbox_coder.decode(prior, offsets, stride))
        factors.append(values[..., 4].sigmoid())
        scores.append(values[..., 5:].sigmoid())
    yield torch.cat(boxes, 1), torch.cat(scores, 1), torch.cat(factors, 1)


def _read_dense(head, maps, size):
    priors = head.prior_generator.grid_priors([map.shape[-2:] for map in maps[0]], device='cpu')
    for prior, *level in zip(priors, *maps):
        logits, offsets, *factors = (
            map.permute(0, 2, 3, 1).reshape(map.shape[0], prior.shape[0], -1) for map in level
        )
        scores = logits.sigmoid() if head.use_sigmoid_cls else logits.softmax(-1)[..., :-1]
        boxes = head.bbox_coder.decode(
            prior.repeat(logits.shape[0], 1), offsets.flatten(0, 1), max_shape=size
        )
        factor = factors[0][..., 0].sigmoid() if factors else torch.ones_like(scores[..., 0])
        yield boxes.view_as(offsets), scores, factor
