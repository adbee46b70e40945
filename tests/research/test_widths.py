import pytest
import torch
from helpers import CONFIGS, RESEARCH

from research.benchmark.widths import build_at_width

YOLO = str(CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py')
DEEPLAB = str(
    CONFIGS / 'segmentation' / 'ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py'
)
CLASSIFIER = str(RESEARCH / 'classification' / 'ghostnet-1.0x-self-attention_8xb128_in1k.py')
MOBILENET_YOLO = 'mmdet::yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py'


@pytest.mark.parametrize('name', [YOLO, DEEPLAB, CLASSIFIER, MOBILENET_YOLO])
def test_whole_models_at_another_width(name):
    wide, narrow = (build_at_width(name, width).eval() for width in (1.0, 0.5))
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        pairs = list(zip(wide(x), narrow(x)))
    assert pairs and all(one.shape == other.shape for one, other in pairs)
    one, other = (sum(p.numel() for p in module.parameters()) for module in (wide, narrow))
    assert one > 1.2 * other


def test_backbones_without_a_width_are_refused():
    config = str(RESEARCH / 'classification' / 'resnet56_8xb16_cifar10.py')
    with pytest.raises(ValueError, match='has no width'):
        build_at_width(config, 0.5)
