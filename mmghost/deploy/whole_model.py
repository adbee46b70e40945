"""The whole model of any of the three tasks as a plain function of the image."""

import torch.nn.functional as F
from torch import nn

from .deploy_form import to_deploy_form
from .detectors import whole_detector
from .model_input import Normalization
from .raw_detector import RawDetector
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
        suppress (Callable, optional): How detection drops boxes; None: not at all, see
            :class:`.raw_detector.RawDetector`. Defaults to the operator.
        target (str, optional): The runtime whose deploy form the model is put into, see
            :func:`mmghost.deploy.to_deploy_form`. Defaults to None (it stays as it is).

    Shape:
        - Input: (N, C, H, W), normalised, or channels in the order of the data pipeline.
        - Of detection: boxes (N, K, 4), scores (N, K) and labels (N, K), best first; K is the
          ``max_per_img`` of the test config. They are what mmdet itself finds, before it scales
          them to the original image. Where there are fewer, the last have score 0 and label -1.
          Of Mask R-CNN also masks (N, K, 28, 28): how likely each part of the box is the object's.
        - Of segmentation: classes (N, H, W), integers, or logits (N, classes, H, W).
        - Of classification: scores (N, classes), which sum to 1 unless an image has several labels.

    Returns:
        nn.Module: The module, in evaluation mode; its ``output_names`` name what it gives.

    Raises:
        ValueError: If the model is of a kind that is not supported: a detector whose head has no
            reader in :mod:`.detection_heads`, a segmentor that is no EncoderDecoder or tests with
            sliding windows, a classifier without a softmax or a sigmoid.
    """
    model.eval()
    if task == 'detection':
        whole = whole_detector(model, suppress) if suppress else RawDetector(model)
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
    """A classifier of mmpretrain with the softmax, or the sigmoid of several labels."""

    output_names = ('scores',)

    def __init__(self, model):
        super().__init__()
        from mmpretrain.models import ClsHead, MultiLabelClsHead

        predict = getattr(type(getattr(model, 'head', None)), 'predict', None)
        if predict not in (ClsHead.predict, MultiLabelClsHead.predict):
            name = type(getattr(model, 'head', None)).__name__
            raise ValueError(f'{name} does not score classes by a softmax or a sigmoid.')
        self.model = model
        self.has_several_labels = predict is MultiLabelClsHead.predict

    def forward(self, image):
        logits = self.model(image, mode='tensor')
        return (logits.sigmoid() if self.has_several_labels else F.softmax(logits, 1),)


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
