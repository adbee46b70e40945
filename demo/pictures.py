"""Pictures of scenes, the truth and what a model finds side by side."""

from pathlib import Path

import cv2
import mmcv
import numpy as np
import torch
from mmengine.registry import DATASETS
from mmengine.structures import InstanceData, PixelData

_SCENES, _COLUMNS = 8, 2  # pairs at most, and those in a row
_ZOOM = 3
_GAP = 12  # pixels between the scenes
_TITLE = 36  # pixels of the line above the scenes


def draw_detections(config, checkpoint, out_file, score_thr=0.3):
    """Draw ground truth and detections of the first test scenes of a config.

    Args:
        config (Config): A detection config; its test data set is drawn.
        checkpoint (str | Path): The trained weights.
        out_file (str | Path): The picture.
        score_thr (float): Detections of a lower score are left out. Defaults to 0.3.

    Returns:
        Path: ``out_file``.
    """
    from mmdet.apis import inference_detector, init_detector
    from mmdet.structures import DetDataSample
    from mmdet.visualization import DetLocalVisualizer

    detector = init_detector(config, str(checkpoint), palette='random', device='cpu')
    visualizer = DetLocalVisualizer()
    visualizer.dataset_meta = detector.dataset_meta

    def draw(dataset, index):
        info = dataset.get_data_info(index)
        truth = InstanceData(
            bboxes=torch.tensor([box['bbox'] for box in info['instances']]).reshape(-1, 4),
            labels=torch.tensor([box['bbox_label'] for box in info['instances']], dtype=torch.long),
        )
        found = inference_detector(detector, info['img_path']).pred_instances
        for instances in (truth, found):
            instances.bboxes = instances.bboxes * _ZOOM
        both = DetDataSample(gt_instances=truth, pred_instances=found)
        scene = _read(info['img_path'])
        visualizer.add_datasample('scene', scene, both, pred_score_thr=score_thr)
        return visualizer.get_image()

    return _write(config, draw, 'detections', out_file)


def draw_masks(config, checkpoint, out_file):
    """Draw true and predicted masks of the first test scenes of a segmentation config.

    See :func:`draw_detections`.
    """
    from mmseg.apis import inference_model, init_model
    from mmseg.structures import SegDataSample
    from mmseg.visualization import SegLocalVisualizer

    segmentor = init_model(config, str(checkpoint), device='cpu')
    visualizer = SegLocalVisualizer(alpha=0.6)
    visualizer.dataset_meta = segmentor.dataset_meta

    def draw(dataset, index):
        sample = dataset[index]['data_samples']
        found = inference_model(segmentor, sample.img_path)
        halves = []
        for masks in (sample.gt_sem_seg, found.pred_sem_seg):  # given both, it draws the second
            data = masks.data.repeat_interleave(_ZOOM, 1).repeat_interleave(_ZOOM, 2)
            drawn = SegDataSample(pred_sem_seg=PixelData(data=data))
            visualizer.add_datasample('scene', _read(sample.img_path), drawn, with_labels=False)
            halves.append(visualizer.get_image())
        return np.hstack(halves)

    return _write(config, draw, 'predicted masks', out_file)


def _read(file):
    return mmcv.imrescale(mmcv.imread(file, channel_order='rgb'), _ZOOM)


def _write(config, draw, found, out_file):
    """Write a picture of (truth | what is found) pairs, with a title above each column."""
    dataset = DATASETS.build(config.test_dataloader.dataset)
    pairs = [draw(dataset, index) for index in range(min(_SCENES, len(dataset)))]
    height, width = pairs[0].shape[:2]
    rows, columns = -(-len(pairs) // _COLUMNS), min(_COLUMNS, len(pairs))
    size = _TITLE + rows * (height + _GAP), columns * (width + _GAP) - _GAP, 3
    canvas = np.full(size, 255, np.uint8)
    for index, pair in enumerate(pairs):
        row, column = divmod(index, columns)
        top, left = _TITLE + row * (height + _GAP), column * (width + _GAP)
        canvas[top : top + height, left : left + width] = pair
    for half in range(2 * columns):
        left = half // 2 * (width + _GAP) + half % 2 * width // 2 + 4
        title = (found if half % 2 else 'ground truth', (left, 26))
        cv2.putText(canvas, *title, cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
    mmcv.imwrite(np.ascontiguousarray(canvas[..., ::-1]), str(out_file))
    return Path(out_file)
