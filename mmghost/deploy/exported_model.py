"""Exported files in the place of a model, for the mm packages' own evaluation."""

from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmghost.registry import MODELS
from mmghost.utils.configs import missing_data_explained

from .model_input import fit
from .read_config import read_config
from .runtimes import FORMATS, load_exported


@MODELS.register_module()
class ExportedModel(BaseModel):
    """An exported file that predicts data samples as the model that it was made of does.

    Args:
        file (str): The file.
        data_preprocessor (dict): The model's data preprocessor.
        threads (int, optional): Threads to run it with, as many as the runtime likes by default.

    Raises:
        ValueError: If the file was not written by tools/export.py.
    """

    def __init__(self, file, data_preprocessor, threads=None):
        super().__init__(data_preprocessor)
        self.exported = load_exported(file, threads)
        metadata = self.exported.metadata
        if 'task' not in metadata:
            raise ValueError(f'{file} does not say what it is: tools/export.py did not write it.')
        self.normalize_inside = metadata['preprocessing']['normalized_inside']
        self.predict = getattr(self, f'_predict_{metadata["task"]}')

    def forward(self, inputs, data_samples, mode='predict'):
        images = fit(
            inputs.cpu(),
            self.data_preprocessor,
            self.exported.input_shape[2:],
            self.normalize_inside,
        )
        batches = images.split(self.exported.input_shape[0] or len(images))
        outputs = zip(*(self.exported(batch.numpy()) for batch in batches))
        outputs = [torch.cat([torch.from_numpy(part) for part in parts]) for parts in outputs]
        for sample, *values in zip(data_samples, *outputs):
            self.predict(sample, tuple(inputs.shape[2:]), *values)
        return data_samples

    def _predict_detection(self, sample, size, boxes, scores, labels, *masks):
        from mmengine.structures import InstanceData

        found = scores > 0
        scale = boxes.new_tensor(sample.metainfo.get('scale_factor', (1, 1))).repeat(2)
        border = boxes.new_tensor(sample.metainfo.get('border', (0, 0, 0, 0)))  # CenterNet's
        boxes = (boxes[found] - border[[2, 0, 2, 0]]) / scale
        sample.pred_instances = InstanceData(
            bboxes=boxes, scores=scores[found], labels=labels[found]
        )
        if masks:
            threshold = self.exported.metadata['thresholds']['mask_thr_binary']
            pasted = paste_masks(masks[0][found], boxes, sample.metainfo['ori_shape'])
            sample.pred_instances.masks = pasted >= threshold

    def _predict_segmentation(self, sample, size, values):
        from mmengine.structures import PixelData

        info = sample.metainfo
        padding = info.get('img_padding_size', info.get('padding_size', (0, 0, 0, 0)))
        left, right, top, bottom = padding
        values = values[..., top : size[0] - bottom, left : size[1] - right]
        if values.ndim == 3:
            values = F.interpolate(values[None], info['ori_shape'], mode='bilinear')[0]
            classes = self._choose_classes(values)
        else:
            classes = F.interpolate(values[None, None].float(), info['ori_shape'])[0, 0].long()
        sample.pred_sem_seg = PixelData(data=classes[None])

    def _choose_classes(self, logits):
        if len(logits) > 1:
            return logits.argmax(0)
        return (logits[0].sigmoid() > self.exported.metadata['threshold']).long()

    def _predict_classification(self, sample, size, scores):
        threshold = self.exported.metadata.get('threshold')
        if threshold is None:
            labels = scores.topk(self.exported.metadata.get('topk', 1)).indices
        else:
            labels = (scores >= threshold).nonzero()[:, 0]
        sample.set_pred_score(scores).set_pred_label(labels)


def paste_masks(masks, boxes, size):
    """Enlarge masks of boxes to the image.

    Args:
        masks (Tensor): ``(K, height, width)``, of the parts of each box.
        boxes (Tensor): Corners in pixels, ``(K, 4)``.
        size (tuple[int]): Height H and width W of the image.

    Returns:
        Tensor: ``(K, H, W)``, bilinear, 0 outside of the box.
    """
    axes = []
    for low, high, length in zip(boxes[:, [1, 0]].T, boxes[:, [3, 2]].T, size):
        centres = torch.arange(length, dtype=boxes.dtype) + 0.5
        axes.append((centres - low[:, None]) / (high - low)[:, None] * 2 - 1)
    rows, columns = axes
    shape = len(boxes), *size
    grid = torch.stack([columns[:, None].expand(shape), rows[:, :, None].expand(shape)], -1)
    return F.grid_sample(masks[:, None], grid, align_corners=False)[:, 0]


def is_exported(file):
    """Tell by its suffix whether a file is one of another runtime."""
    return Path(file).suffix in {runtime.SUFFIX for runtime in FORMATS.values()}


def take_exported(config, task, file, threads=None):
    """Put an exported file in the place of a config's model.

    Args:
        config (Config): The config that the file was made of; it is changed.
        task (str): The config's, 'detection', 'segmentation' or 'classification'.
        file (str | Path): The exported file.
        threads (int, optional): As in :class:`ExportedModel`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ImportError: If a package that the file's format needs is missing.
        ValueError: If the file is of another task.
    """
    found = load_exported(file).metadata.get('task')
    if found != task:
        raise ValueError(f'the config is for {task}, but {file} for {found or "nothing known"}.')
    config.model = dict(
        type='mmghost.ExportedModel',
        file=str(file),
        data_preprocessor=config.model.data_preprocessor,
        threads=threads,
    )


def evaluate_exported(config, file, work_dir=None, threads=None, cfg_options=None):
    """Run an exported file on the test set of a config, with the config's own metric.

    Args:
        config (str | Path): The config that the file was made of.
        file (str | Path): The exported file.
        work_dir (str | Path, optional): Where the log goes, ``exported_SUFFIX`` in the config's
            work dir by default.
        threads (int, optional): Threads to run the file with, as many as its runtime likes by
            default.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.

    Returns:
        dict: The metrics.

    Raises:
        FileNotFoundError: If the config or the file does not exist.
        ImportError: If a package that the file's format needs is missing.
        ValueError: If the file is none of the config's task.
    """
    name = Path(config).stem
    config, task = read_config(config, cfg_options)
    take_exported(config, task, file, threads)
    trained = Path(config.get('work_dir') or Path('work_dirs') / name)
    config.work_dir = str(work_dir or trained / f'exported_{Path(file).suffix[1:]}')
    config.load_from = None
    # Workers would be forked beside the runtime's threads
    config.test_dataloader.update(num_workers=0, persistent_workers=False)
    config.custom_hooks = []  # they are for models with weights
    with missing_data_explained(config):
        return Runner.from_cfg(config).test()
