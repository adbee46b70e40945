"""Pictures of scenes, the truth at the left and what a model finds at the right."""

import cv2
import mmcv
import numpy as np
import torch
from mmengine.registry import DATASETS
from mmengine.structures import InstanceData
from torchvision.utils import make_grid

_SCENES = 8  # at most
_ZOOM = 3


def draw_detections(config, checkpoint, out_file, score_thr=0.3):
    """Draw ground truth and detections of the first test scenes of a config.

    Args:
        config (Config): A detection config; its test data set is drawn.
        checkpoint (str | Path): The trained weights.
        out_file (str | Path): The picture.
        score_thr (float): Detections of a lower score are left out. Defaults to 0.3.
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

    _write(config, draw, out_file)


def draw_masks(config, checkpoint, out_file):
    """Draw true and predicted masks of the first test scenes of a segmentation config.

    See :func:`draw_detections`.
    """
    from mmseg.apis import inference_model, init_model

    segmentor = init_model(config, str(checkpoint), device='cpu')
    palette = np.array(segmentor.dataset_meta['palette'])

    def draw(dataset, index):
        sample = dataset[index]['data_samples']
        found = inference_model(segmentor, sample.img_path).pred_sem_seg
        halves = []
        for masks in (sample.gt_sem_seg, found):
            colours = palette[masks.data[0].numpy()].repeat(_ZOOM, 0).repeat(_ZOOM, 1)
            halves.append(0.4 * _read(sample.img_path) + 0.6 * colours)
        return np.hstack(halves).astype(np.uint8)

    _write(config, draw, out_file)


def _read(file):
    return mmcv.imrescale(mmcv.imread(file, channel_order='rgb'), _ZOOM)


def _write(config, draw, out_file):
    """Write a picture of what is drawn of the first scenes, two in a row."""
    dataset = DATASETS.build(config.test_dataloader.dataset)
    pairs = [draw(dataset, index) for index in range(min(_SCENES, len(dataset)))]
    tiles = torch.from_numpy(np.stack(pairs)).permute(0, 3, 1, 2)
    picture = make_grid(tiles, nrow=2, padding=12, pad_value=255).permute(1, 2, 0).numpy()
    mmcv.imwrite(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), str(out_file))
