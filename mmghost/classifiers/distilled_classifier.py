import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.runner import load_checkpoint
from mmpretrain.models import ImageClassifier

from mmghost.registry import MODELS
from mmghost.utils import check_positive, check_type


class DistilledClassifier(ImageClassifier):
    """See :func:`mmghost.classifiers.DistilledClassifier`."""

    def __init__(
        self,
        *args,
        teacher_config,
        teacher_ckpt=None,
        temperature=1.0,
        distill_weight=1.0,
        **kwargs,
    ):
        check_type('teacher_config', teacher_config, (str, dict), 'a config file or a model')
        check_positive('temperature', temperature)
        check_positive('distill_weight', distill_weight)
        super().__init__(*args, **kwargs)
        self.temperature, self.distill_weight = temperature, distill_weight
        self._teacher_config, self._teacher_ckpt = teacher_config, teacher_ckpt
        self._teacher = []  # in a list, so that it is no part of the model

    def init_weights(self):
        super().init_weights()
        self._make_teacher()

    def loss(self, inputs, data_samples):
        """Give the head's losses of a batch and ``loss_distill``.

        Args:
            inputs (Tensor): Images, ``(N, C, H, W)``.
            data_samples (list[DataSample]): Their labels.

        Returns:
            dict[str, Tensor]: The losses.
        """
        kept = []
        handle = self.head.register_forward_hook(lambda head, args, scores: kept.append(scores))
        try:
            losses = super().loss(inputs, data_samples)
        finally:
            handle.remove()
        if not self._teacher:
            self._make_teacher()
        with torch.no_grad():
            expected = self._teacher[0](self._as_teachers(inputs), mode='tensor')
        (scores,) = kept
        if scores.shape != expected.shape:
            raise ValueError(
                f'the teacher tells {expected.size(-1)} classes apart, the student '
                f'{scores.size(-1)}: they must be the same.'
            )
        losses['loss_distill'] = self.distill_weight * self._divergence(scores, expected)
        return losses

    def _divergence(self, scores, expected):
        logs = [F.log_softmax(one.float() / self.temperature, 1) for one in (scores, expected)]
        return F.kl_div(*logs, reduction='batchmean', log_target=True) * self.temperature**2

    def _make_teacher(self):
        config = self._teacher_config
        if isinstance(config, str):
            whole = get_config(config) if '::' in config else Config.fromfile(config)
            config = dict(whole.model)
            config.setdefault('data_preprocessor', whole.get('data_preprocessor'))
        self._normalises = config.get('data_preprocessor') is not None
        with MODELS.switch_scope_and_registry('mmpretrain') as registry:
            teacher = registry.build(config)
        if self._teacher_ckpt is None:
            teacher.init_weights()
        else:
            _load(teacher, self._teacher_ckpt)
        place = next(self.parameters()).device
        self._teacher[:] = [teacher.eval().requires_grad_(False).to(place)]

    def _as_teachers(self, images):
        """Normalise images that are normalised for the student as the teacher's config says."""
        if not self._normalises:
            return images
        mine, its = self.data_preprocessor, self._teacher[0].data_preprocessor
        if mine._enable_normalize:
            images = images * mine.std + mine.mean
        if images.size(1) == 3 and mine.to_rgb != its.to_rgb:
            images = images.flip(1)
        return (images - its.mean) / its.std if its._enable_normalize else images

    def _apply(self, *args, **kwargs):
        for teacher in self._teacher:
            teacher._apply(*args, **kwargs)
        return super()._apply(*args, **kwargs)


def _load(teacher, source):
    content = load_checkpoint(teacher, source, map_location='cpu')
    found = content.get('state_dict', content)
    lacking = [name for name, _ in teacher.named_parameters() if name not in found]
    if lacking:
        raise ValueError(
            f'teacher_ckpt {source} is not of the model in teacher_config: it lacks '
            f'{len(lacking)} of its weights, such as {lacking[0]}.'
        )
