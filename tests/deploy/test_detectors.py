"""Every kind of detector on a Ghost backbone: it finds what mmdet finds, and is exported."""

from copy import deepcopy

import pytest
import torch
from helpers import exports
from mmdet.structures import DetDataSample
from mmengine.hub import get_config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope

from mmghost.deploy.detection_heads import READERS, Level, register_reader
from mmghost.deploy.differences import difference
from mmghost.deploy.exported_model import paste_masks
from mmghost.deploy.raw_detector import suppress_raw
from mmghost.deploy.runtimes import FORMATS, export_module, load_exported
from mmghost.deploy.runtimes.common import trace
from mmghost.deploy.whole_model import whole_model

#: Detectors by the config of mmdet that they are made of
DETECTORS = {
    'atss': 'atss/atss_r50_fpn_1x_coco',
    'autoassign': 'autoassign/autoassign_r50-caffe_fpn_1x_coco',
    'centernet': 'centernet/centernet_r18_8xb16-crop512-140e_coco',
    'centernet-update': 'centernet/centernet-update_r50-caffe_fpn_ms-1x_coco',
    'ddod': 'ddod/ddod_r50_fpn_1x_coco',
    'fcos': 'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco',
    'free-anchor': 'free_anchor/freeanchor_r50_fpn_1x_coco',
    'fsaf': 'fsaf/fsaf_r50_fpn_1x_coco',
    'gfl': 'gfl/gfl_r50_fpn_1x_coco',
    'nas-fcos': 'nas_fcos/nas-fcos_r50-caffe_fpn_nashead-gn-head_4xb4-1x_coco',
    'paa': 'paa/paa_r50_fpn_1x_coco',
    'retinanet': 'retinanet/retinanet_r50_fpn_1x_coco',
    'rtmdet': 'rtmdet/rtmdet_tiny_8xb32-300e_coco',
    'ssd': 'ssd/ssd300_coco',
    'tood': 'tood/tood_r50_fpn_1x_coco',
    'tood-anchor-based': 'tood/tood_r50_fpn_anchor-based_1x_coco',
    'vfnet': 'vfnet/vfnet_r50_fpn_1x_coco',
    'yolof': 'yolof/yolof_r50-c5_8xb8-1x_coco',
    'yolox': 'yolox/yolox_tiny_8xb8-300e_coco',
    'faster-rcnn': 'faster_rcnn/faster-rcnn_r50_fpn_1x_coco',
    'mask-rcnn': 'mask_rcnn/mask-rcnn_r50_fpn_1x_coco',
    'cascade-mask-rcnn': 'cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco',
}
REFUSED = {
    'solov2/solov2_r50_fpn_1x_coco': 'SOLOv2 cannot be exported: only detectors with one',
    'htc/htc_r50_fpn_1x_coco': 'HybridTaskCascade cannot be exported: of two stages only',
    'reppoints/reppoints-moment_r50_fpn-gn_head-gn_1x_coco': 'RepPointsHead cannot be exported',
    'rtmdet/rtmdet-ins_tiny_8xb32-300e_coco': 'RTMDetInsSepBNHead cannot be exported',
}
CHANNELS = (8, 12, 28, 40)
# What is made narrow, but still goes into the 32 groups of their norms
NARROW = ('out_channels', 'feat_channels', 'in_channels', 'conv_out_channels')


def narrow(node):
    """Make a part of a config narrow, with three classes."""
    if isinstance(node, (list, tuple)):
        for item in node:
            narrow(item)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key in NARROW and value in (256, 96):
            node[key] = 32
        elif key in ('fc_out_channels', 'num_classes', 'stacked_convs') and isinstance(value, int):
            node[key] = dict(fc_out_channels=32, num_classes=3, stacked_convs=2)[key]
        else:
            narrow(value)


def build(name):
    """Build a detector with weights whose scores differ."""
    init_default_scope('mmdet')
    config = get_config(f'mmdet::{name}.py').model
    neck = config.neck[0] if isinstance(config.neck, list) else config.neck
    maps = len(neck.in_channels) if isinstance(neck.in_channels, (list, tuple)) else 1
    for part, value in config.items():
        if part != 'backbone':
            narrow(value)
    neck.in_channels = list(CHANNELS[-maps:]) if maps > 1 else CHANNELS[-1]
    if neck.type == 'SSDNeck':
        neck.update(level_strides=(2,) * 4, level_paddings=(1,) * 4)
        neck.out_channels = [*neck.in_channels, 32, 16, 16, 8]
        config.bbox_head.update(type='mmghost.SSDHead', in_channels=neck.out_channels)
    config.backbone = dict(
        type='mmghost.GhostNetV2', widen_factor=0.25, out_indices=tuple(range(5 - maps, 5))
    )
    test_cfg = config.test_cfg.get('rpn', config.test_cfg)
    # mmdet's YOLOX knows none, and keeps all
    test_cfg.update(nms_pre=3000 if 'yolox' in name else 100)
    if 'rpn' in config.test_cfg:
        test_cfg.update(max_per_img=50)
    model = revert_sync_batchnorm(MODELS.build(config)).eval()
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.ndim > 1 and not key.startswith('backbone'):
                value.copy_(torch.randn(value.shape) * (1.5 / value[0].numel()) ** 0.5)
            elif 'cls' in key and key.endswith('bias'):
                value.copy_(torch.randn(value.shape) / 2 - 1)
            elif 'l2_norm' in key:  # else whatever was in memory
                value.fill_(2)
    return model


@pytest.mark.parametrize('name', DETECTORS)
def test_finds_what_mmdet_finds(name):
    model = build(DETECTORS[name])
    size = (320, 384)
    images = torch.randn(2, 3, *size)
    shapes = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape', 'batch_input_shape'), size)
    shapes.update(scale_factor=(1.0, 1.0), border=(0, size[0], 0, size[1]))
    samples = [DetDataSample(metainfo=shapes) for _ in images]
    with torch.no_grad():
        expected = model.predict(images, deepcopy(samples), rescale=False)
        outputs = whole_model(deepcopy(model), 'detection')(images)
    for sample, *image in zip(expected, *outputs):
        wanted = sample.pred_instances
        # mmdet gives PAA's by class
        wanted = wanted[wanted.scores.argsort(descending=True, stable=True)][: len(image[0])]
        boxes, scores, labels, *masks = (part[: len(wanted)] for part in image)
        assert len(wanted) > 5
        torch.testing.assert_close(scores, wanted.scores, rtol=0, atol=1e-5)
        same = labels == wanted.labels  # but for boxes that score alike
        assert same.float().mean() > 0.9
        apart = (boxes - wanted.bboxes).abs().amax(1)
        assert (apart < 0.01).float().mean() > 0.9
        assert not image[1][len(wanted) :].any()
        if masks:
            pasted = paste_masks(*masks, boxes, size) >= 0.5
            assert wanted.masks.any() and (pasted == wanted.masks).float().mean() > 0.999


def assert_finds_the_same(run, original, size):
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        expected = [output.numpy() for output in original(image)]
    assert (expected[1] > 0).sum() > 5
    assert difference(run(image), expected, 'detection', size) < 1e-3


@pytest.mark.slow
@exports
@pytest.mark.parametrize('name', DETECTORS)
def test_traced_for_any_size(name):
    model = build(DETECTORS[name])
    original = whole_model(deepcopy(model), 'detection')
    exported = whole_model(model, 'detection', target='torch')
    sizes = [(320, 384), (352, 320)]
    image = torch.randn(1, 3, *sizes[0])
    if name == 'fsaf':
        with pytest.raises(ValueError, match='cannot be traced for any size: '):
            trace(exported, image, ['size'])
        del sizes[1:]
    program = trace(exported, image, ['size'] if len(sizes) > 1 else []).module(check_guards=False)
    for size in sizes:
        assert_finds_the_same(
            lambda x: [part.detach().numpy() for part in program(x)], original, size
        )


@pytest.mark.slow
@exports
@pytest.mark.parametrize(
    ('name', 'format'),
    [
        ('rtmdet', 'torch-export'),
        *((name, 'onnx') for name in ('gfl', 'paa', 'vfnet', 'mask-rcnn')),
    ],
)
def test_exported(name, format, tmp_path):
    model = build(DETECTORS[name])
    original = whole_model(deepcopy(model), 'detection')
    exported = whole_model(model, 'detection', target=FORMATS[format].TARGET)
    size, file = (320, 384), tmp_path / f'detector{FORMATS[format].SUFFIX}'
    image = torch.randn(1, 3, *size)
    export_module(exported, image, file, format, output_names=exported.output_names)
    run = load_exported(file)
    assert_finds_the_same(lambda x: run(x.numpy()), original, size)


#: Those whose boxes can be dropped after a file
RAW = ('atss', 'fcos', 'free-anchor', 'fsaf', 'gfl', 'retinanet', 'rtmdet', 'vfnet', 'yolof')


def build_raw(name):
    """Build a detector up to all boxes, and one for comparison; give what the first says too."""
    model = build(DETECTORS[name])
    original = whole_model(deepcopy(model), 'detection')
    raw = whole_model(model, 'detection', suppress=None, target='ncnn')
    image = torch.randn(1, 3, 320, 384)
    thresholds = model.bbox_head.test_cfg.to_dict()
    return original, raw, image, dict(thresholds=thresholds, suppression=raw.describe(image))


@pytest.mark.parametrize('name', RAW)
def test_boxes_that_are_dropped_after_a_file(name):
    original, raw, image, metadata = build_raw(name)
    with torch.no_grad():
        expected = [output.numpy() for output in original(image)]
        found = suppress_raw([output.numpy() for output in raw(image)], metadata)
    assert (expected[1] > 0).sum() > 5
    assert difference(found, expected, 'detection', (320, 384)) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize('name', [name for name in RAW if name not in ('gfl', 'vfnet')])
def test_exported_to_ncnn(name, tmp_path):
    pytest.importorskip('ncnn')
    original, raw, image, metadata = build_raw(name)
    export_module(raw, image, tmp_path / 'detector.param', 'ncnn', metadata=metadata)
    run = load_exported(tmp_path / 'detector.param', threads=1)
    image = torch.randn(1, 3, 320, 384)
    with torch.no_grad():
        expected = [output.numpy() for output in original(image)]
    assert run.output_names == ['boxes', 'scores', 'labels']
    assert (expected[1] > 0).sum() > 5
    assert difference(run(image.numpy()), expected, 'detection', (320, 384)) < 1e-3


@pytest.mark.parametrize(
    'name, message',
    [
        ('yolox', 'they vote, or have'),
        ('paa', 'they vote, or have'),
        ('centernet', 'it drops none'),
    ],
)
def test_boxes_that_only_a_file_can_drop(name, message):
    with pytest.raises(ValueError, match=message):
        build_raw(name)


def test_two_stages_are_not_for_ncnn():
    with pytest.raises(ValueError, match='FasterRCNN has no boxes that can'):
        whole_model(build(DETECTORS['faster-rcnn']), 'detection', suppress=None)


@pytest.mark.parametrize('name', REFUSED)
def test_what_cannot_be_exported_is_named(name):
    init_default_scope('mmdet')
    with torch.device('meta'):
        model = revert_sync_batchnorm(MODELS.build(get_config(f'mmdet::{name}.py').model))
    with pytest.raises(ValueError, match=REFUSED[name]):
        whole_model(model, 'detection')


def test_a_head_of_ones_own(monkeypatch):
    monkeypatch.setattr('mmghost.deploy.detection_heads.READERS', dict(READERS))
    model = build(DETECTORS['retinanet'])

    class MyHead(type(model.bbox_head)):
        def predict_by_feat(self, *args, **kwargs):
            raise NotImplementedError

    model.bbox_head.__class__ = MyHead
    with pytest.raises(ValueError, match='MyHead cannot be exported'):
        whole_model(model, 'detection')

    @register_reader('MyHead')
    def read(head, maps, size):
        yield Level(torch.tensor([[[0.0, 0.0, 8.0, 8.0]]]), torch.tensor([[[0.1, 0.9, 0.2]]]))

    boxes, scores, labels = whole_model(model, 'detection')(torch.randn(1, 3, 64, 64))
    assert scores[0, 0] == 0.9 and labels[0, 0] == 1 and boxes[0, 0].tolist() == [0, 0, 8, 8]
