"""Backbones swapped, in the mm packages' own configs, without telling what takes their maps."""

import pytest
import torch
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
from mmghost.utils.misfits import explain_misfit
from mmghost.utils.mistakes import explain

YOLO = 'mmdet::yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py'
RETINA = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'
DEEPLAB = 'mmseg::deeplabv3/deeplabv3_r50-d8_4xb4-160k_ade20k-512x512.py'
FPN = 'mmseg::sem_fpn/fpn_r50_4xb4-160k_ade20k-512x512.py'
MOBILENET = 'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py'


def build(name, **backbone):
    config = get_config(name)
    config.model.backbone = dict(type='mmghost.GhostNetV2', **backbone)
    config.model.update(pretrained=None) if name.startswith('mmseg') else None
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model)
    return model.eval()


@pytest.mark.parametrize(
    ('name', 'backbone', 'message'),
    [
        (
            YOLO,
            dict(out_indices=(2, 3, 4)),
            'the neck (YOLOV3Neck) does not fit the backbone, whose maps have 40, 112, 160 '
            'channels: it takes 320 channels where it is given 160.',
        ),
        (YOLO, dict(), 'the neck (YOLOV3Neck)'),
        (RETINA, dict(out_indices=(1, 2, 3, 4)), 'it takes 512 channels where it is given 40.'),
        (RETINA, dict(out_indices=(3, 4)), 'the neck (FPN) does not fit the backbone, whose maps'),
        (FPN, dict(out_indices=(1, 2, 3, 4)), 'it takes 256 channels where it is given 24.'),
        (DEEPLAB, dict(out_indices=(3, 4)), 'it takes another number of maps.'),
        (DEEPLAB, dict(out_indices=(1, 2, 3, 4)), 'the decode_head (ASPPHead) does not fit'),
        (
            MOBILENET,
            dict(out_indices=(5,)),
            'the head (LinearClsHead) does not fit the backbone, whose maps have 960 channels: '
            'it takes 1280 features where it is given 960.',
        ),
    ],
)
def test_the_part_is_named(name, backbone, message):
    model = build(name, **backbone)
    with pytest.raises(Exception) as caught, torch.no_grad():
        model(torch.zeros(2, 3, 64, 64))
    assert message in explain(caught.value)


def test_other_errors_are_not_explained():
    model = build(MOBILENET, out_indices=(5,))
    with pytest.raises(TypeError) as caught:
        model.backbone('no tensor')
    assert explain_misfit(caught.value) is None
    with pytest.raises(ValueError) as caught:
        model(torch.zeros(2, 4, 64, 64))
    assert explain_misfit(caught.value) is None
