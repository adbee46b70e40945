from copy import deepcopy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope
from mmseg.structures import SegDataSample

from mmghost.deploy.model_input import input_channels
from mmghost.deploy.suppression import suppress_by_operator, suppress_in_steps
from mmghost.deploy.whole_model import whole_model

DENSE = dict(num_classes=3, in_channels=32, feat_channels=32, stacked_convs=1, type='RetinaHead')


def dense_detector(**head):
    init_default_scope('mmdet')
    return MODELS.build(
        dict(
            type='SingleStageDetector',
            data_preprocessor=dict(type='DetDataPreprocessor'),
            backbone=dict(type='mmghost.GhostNetV2', widen_factor=0.5, out_indices=(2, 3, 4)),
            neck=dict(type='FPN', in_channels=[20, 56, 80], out_channels=32, num_outs=5),
            bbox_head=DENSE | head,
            test_cfg=ConfigDict(
                nms_pre=100,
                min_bbox_size=0,
                score_thr=0.05,
                nms=dict(type='nms', iou_threshold=0.5),
                max_per_img=30,
            ),
        )
    ).eval()


def assert_same_detections(model, suppress, images):
    size = tuple(images.shape[2:])
    sample = DetDataSample(metainfo=dict(img_shape=size, scale_factor=(1, 1)))
    with torch.no_grad():
        expected = model.predict(images, [deepcopy(sample) for _ in images], rescale=False)
        whole = whole_model(model, 'detection', suppress=suppress)
        for wanted, boxes, scores, labels in zip(expected, *whole(images)):
            wanted = wanted.pred_instances
            count = len(wanted)
            assert count > 5
            assert torch.equal(labels[:count], wanted.labels)
            assert torch.allclose(boxes[:count], wanted.bboxes, rtol=1e-4, atol=1e-3)
            assert torch.allclose(scores[:count], wanted.scores, atol=1e-5)
            assert not scores[count:].any() and not boxes[count:].any()
            assert (labels[count:] == -1).all()


@pytest.mark.parametrize('suppress', [suppress_by_operator, suppress_in_steps])
def test_yolov3_finds_what_mmdet_finds(load_demo, suppress):
    model, _ = load_demo('detection')
    assert_same_detections(model, suppress, torch.randn(2, 3, 96, 64))


@pytest.mark.parametrize(
    'head',
    [
        dict(),
        dict(loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False)),
        dict(type='FCOSHead', norm_cfg=None, norm_on_bbox=True),
    ],
)
def test_other_dense_heads(head):
    model = dense_detector(**head)
    with torch.no_grad():
        for name, parameter in model.bbox_head.named_parameters():
            if parameter.ndim == 4:
                parameter.normal_(0, 0.05)
            elif 'cls' in name or 'centerness' in name:
                parameter.normal_(0, 0.5)
    assert_same_detections(model, suppress_by_operator, torch.randn(1, 3, 64, 96))


def test_segmentor_gives_what_mmseg_gives(load_demo):
    images = torch.randn(2, 3, 64, 96)
    model, _ = load_demo('segmentation')
    size = dict(ori_shape=(64, 96), img_shape=(64, 96))
    with torch.no_grad():
        expected = model.predict(images, [SegDataSample(metainfo=size) for _ in images])
        (classes,) = whole_model(model, 'segmentation', target='torch')(images)
        (logits,) = whole_model(model, 'segmentation', logits=True, target='openvino')(images)
    for sample, found, values in zip(expected, classes, logits):
        assert (sample.pred_sem_seg.data[0] == found).float().mean() > 0.999
        assert torch.allclose(sample.seg_logits.data, values, rtol=1e-3, atol=1e-4)


def test_classifier_gives_what_mmpretrain_gives(load_demo):
    images = torch.randn(3, 1, 48, 48)
    model, _ = load_demo('classification')
    with torch.no_grad():
        expected = torch.stack([sample.pred_score for sample in model.predict(images)])
        (scores,) = whole_model(model, 'classification', target='torch')(images)
    assert torch.allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize('task', ['detection', 'segmentation', 'classification'])
def test_normalization_inside(load_demo, task):
    model, _ = load_demo(task)
    images = torch.randint(0, 256, (2, 1 if task == 'classification' else 3, 64, 96))
    inputs = model.data_preprocessor(dict(inputs=list(images), data_samples=None))['inputs']
    with torch.no_grad():
        expected = whole_model(deepcopy(model), task)(inputs)
        found = whole_model(model, task, normalize_inside=True, target='onnxruntime')(
            images.float()
        )
    for output, wanted in zip(found, expected):
        assert torch.allclose(output.float(), wanted.float(), rtol=1e-3, atol=1e-3)


def test_other_models_are_refused(load_demo):
    model = dense_detector()
    model.bbox_head.test_cfg.nms.type = 'soft_nms'
    with pytest.raises(ValueError, match="only the suppression 'nms' .* got 'soft_nms'"):
        whole_model(model, 'detection')
    model, _ = load_demo('segmentation')
    model.test_cfg.mode = 'slide'
    with pytest.raises(ValueError, match='set model.test_cfg.mode=whole'):
        whole_model(model, 'segmentation')
    model, _ = load_demo('classification')
    model.head = None
    with pytest.raises(ValueError, match='NoneType does not score classes'):
        whole_model(model, 'classification')
    model.head = MODELS.build(dict(type='mmpretrain.MultiTaskHead', task_heads={}, in_channels=4))
    with pytest.raises(ValueError, match='MultiTaskHead does not score classes by a softmax or a'):
        whole_model(model, 'classification')
    del model.backbone
    with pytest.raises(ValueError, match='ImageClassifier has no backbone'):
        input_channels(model)
