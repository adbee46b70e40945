import os

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmghost.utils.fit_backbone import fit_backbone

GHOST = dict(type='mmghost.GhostNetV2', widen_factor=0.25)


@pytest.fixture(autouse=True)
def own_scope():
    with DefaultScope.overwrite_default_scope(None):
        yield


def fitted(name, folder, backbone=GHOST, **kwargs):
    """Fit a config and read what was written."""
    file = folder / 'fitted.py'
    file.write_text(fit_backbone(name, backbone, folder=folder, **kwargs).text)
    return Config.fromfile(file)


@pytest.mark.parametrize(
    'name, out_indices, output_stride, changes',
    [
        (
            'mmdet::yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py',
            (2, 3, 4),
            None,
            {'neck.in_channels': [40, 28, 12], 'neck.out_channels': [96, 96, 96]},
        ),
        (
            'mmdet::ssd/ssd300_coco.py',
            (2, 4),
            16,
            {
                'neck.in_channels': (12, 40),
                'neck.out_channels': (12, 40, 512, 256, 256, 256),
                'bbox_head.in_channels': (12, 40, 512, 256, 256, 256),
            },
        ),
        ('mmdet::rpn/rpn_r50-caffe-c4_1x_coco.py', (3,), None, {'rpn_head.in_channels': 28}),
        (
            'mmseg::deeplabv3plus/deeplabv3plus_r50-d8_4xb4-80k_ade20k-512x512.py',
            (1, 2, 3, 4),
            8,
            {
                'decode_head.in_channels': 40,
                'decode_head.c1_in_channels': 8,
                'auxiliary_head.in_channels': 28,
            },
        ),
        (
            'mmseg::fastfcn/fastfcn_r50-d32_jpu_psp_4xb4-80k_ade20k-512x512.py',
            (2, 3, 4),
            None,
            {'neck.in_channels': (12, 28, 40)},
        ),
        ('mmpretrain::resnet/resnet18_8xb32_in1k.py', (5,), None, {'head.in_channels': 240}),
    ],
)
def test_maps_of_equal_strides(tmp_path, name, out_indices, output_stride, changes):
    config = fitted(name, tmp_path)
    backbone = config.model.backbone
    assert (backbone.out_indices, backbone.get('output_stride')) == (out_indices, output_stride)
    for key, value in changes.items():
        node = config.model
        for part in key.split('.'):
            node = node[part]
        assert node == value


def test_what_goes_with_the_weights(tmp_path):
    name = 'mmdet::faster_rcnn/faster-rcnn_r50-caffe_fpn_1x_coco.py'
    plain = fitted(name, tmp_path).model
    assert not {'norm_eval', 'frozen_stages', 'init_cfg'} & set(plain.backbone)
    assert plain.data_preprocessor.bgr_to_rgb and plain.data_preprocessor.std[0] == 58.395
    pretrained = fitted(name, tmp_path, checkpoint='ghost.pth').model.backbone
    assert pretrained.init_cfg == dict(type='Pretrained', checkpoint='ghost.pth')
    assert (pretrained.norm_eval, pretrained.frozen_stages) == (True, 1)


def test_file(tmp_path, monkeypatch):
    """The base is found from where the config will be, whatever the working directory."""
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'base.py').write_text(
        "_base_ = 'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py'\n"
        "custom_imports = dict(imports='json')\n"
    )
    monkeypatch.chdir(tmp_path)
    config = fitted(os.path.join('mine', 'base.py'), tmp_path)
    assert config.custom_imports.imports == ['json', 'mmghost']
    assert config.model.head.in_channels == 240
    MODELS.build(config.model.backbone)


def test_the_first_part_of_a_neck_that_takes_maps(tmp_path):
    file = tmp_path / 'base.py'
    file.write_text(
        "_base_ = 'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py'\n"
        "gap = dict(type='GlobalAveragePooling')\n"
        "model = dict(neck=[gap, dict(type='LinearNeck', in_channels=1280, out_channels=1280)])\n"
    )
    model = fitted(str(file), tmp_path).model
    assert model.neck[1] == dict(type='LinearNeck', in_channels=240, out_channels=1280)
    assert model.head.in_channels == 1280


@MODELS.register_module()
class NeckFor1280Channels(nn.AdaptiveAvgPool2d):
    def forward(self, feats):
        assert feats[-1].size(1) == 1280
        return super().forward(feats[-1]).flatten(1)


@pytest.mark.parametrize(
    'name, message',
    [
        (
            'mmdet::sort/sort_faster-rcnn_r50_fpn_8xb2-4e_mot17halftrain_test-mot17halfval.py',
            'has no',
        ),
        ('mmseg::vit/vit_deit-b16_upernet_8xb2-80k_ade20k-512x512.py', 'strides'),
        ('mmdet::rtmdet/none.py', 'none.py'),
        ('fixed.py', 'fixed.py does not run with mmghost.GhostNetV2: '),
    ],
)
def test_what_does_not_fit(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'fixed.py').write_text(
        "_base_ = 'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py'\n"
        "model = dict(neck=dict(type='NeckFor1280Channels', output_size=1))\n"
    )
    with pytest.raises((OSError, ValueError), match=message):
        fit_backbone(name, GHOST)


def test_models_that_do_not_run_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'base.py').write_text(
        "_base_ = 'mmpretrain::mobilenet_v2/mobilenet-v2_8xb32_in1k.py'\n"
        "model = dict(neck=dict(type='NeckFor1280Channels', output_size=2))\n"
    )
    assert 'mat1 and mat2' in fit_backbone('base.py', dict(GHOST, widen_factor=4 / 3)).not_run
