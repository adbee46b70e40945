"""Pictures of scenes, the truth and what a model finds side by side."""

from pathlib import Path

import cv2
import mmcv
import numpy as np
import torch
import torch.nn.functional as F
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
    dataset = DATASETS.build(config.test_dataloader.dataset)
    pairs = []
    for index in range(min(_SCENES, len(dataset))):
        info = dataset.get_data_info(index)
        truth = InstanceData(
            bboxes=torch.tensor([box['bbox'] for box in info['instances']]).reshape(-1, 4),
            labels=torch.tensor([box['bbox_label'] for box in info['instances']], dtype=torch.long),
        )
        found = inference_detector(detector, info['img_path']).pred_instances
        for instances in (truth, found):
            instances.bboxes = instances.bboxes * _ZOOM
        image = mmcv.imread(info['img_path'], channel_order='rgb')
        visualizer.add_datasample(
            info['img_path'],
            mmcv.imrescale(image, _ZOOM),
            DetDataSample(gt_instances=truth, pred_instances=found),
            pred_score_thr=score_thr,
        )
        pairs.append(visualizer.get_image())
    return _write(_grid(pairs, 'detections'), out_file)


def draw_masks(config, checkpoint, out_file):
    """Draw true and predicted masks of the first test scenes of a config.

    Args:
        config (Config): A segmentation config; its test data set is drawn.
        checkpoint, out_file: As in :func:`draw_detections`.

    Returns:
        Path: ``out_file``.
    """
    from mmseg.apis import inference_model, init_model
    from mmseg.structures import SegDataSample
    from mmseg.visualization import SegLocalVisualizer

    segmentor = init_model(config, str(checkpoint), device='cpu')
    visualizer = SegLocalVisualizer(alpha=0.6)
    visualizer.dataset_meta = segmentor.dataset_meta
    dataset = DATASETS.build(config.test_dataloader.dataset)
    pairs = []
    for index in range(min(_SCENES, len(dataset))):
        sample = dataset[index]['data_samples']
        found = inference_model(segmentor, sample.img_path)
        image = mmcv.imrescale(mmcv.imread(sample.img_path, channel_order='rgb'), _ZOOM)
        halves = []
        for masks in (sample.gt_sem_seg, found.pred_sem_seg):
            data = F.interpolate(masks.data[None].float(), scale_factor=_ZOOM)[0].long()
            drawn = SegDataSample(gt_sem_seg=PixelData(data=data))
            visualizer.add_datasample(
                sample.img_path, image.copy(), drawn, draw_pred=False, with_labels=False
            )
            halves.append(visualizer.get_image())
        pairs.append(np.hstack(halves))
    return _write(_grid(pairs, 'predicted masks'), out_file)


def _write(picture, out_file):
    mmcv.imwrite(np.ascontiguousarray(picture[..., ::-1]), str(out_file))
    return Path(out_file)


def _grid(pairs, found):
    """Stack (truth | what is found) pairs of one size, with a title above each column."""
    height, width = pairs[0].shape[:2]
    rows, columns = -(-len(pairs) // _COLUMNS), min(_COLUMNS, len(pairs))
    canvas = np.full(
        (_TITLE + rows * (height + _GAP), columns * (width + _GAP) - _GAP, 3), 255, np.uint8
    )
    for index, pair in enumerate(pairs):
        row, column = divmod(index, columns)
        top, left = _TITLE + row * (height + _GAP), column * (width + _GAP)
        canvas[top : top + height, left : left + width] = pair
    for column in range(columns):
        for half, title in enumerate(('ground truth', found)):
            left = column * (width + _GAP) + half * width // 2 + 4
            cv2.putText(
                canvas, title, (left, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2, cv2.LINE_AA
            )
    return canvas
