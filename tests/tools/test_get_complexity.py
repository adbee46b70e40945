import pytest
from helpers import CONFIGS
from tool_runs import run_tool


def test_get_complexity(tmp_path):
    config = CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'
    words = (config, '--size', 320, 320)
    printed = run_tool('analysis_tools/get_complexity.py', *words, cwd=tmp_path).stdout
    assert 'model     4.99 M parameters, 1358.0 M multiply-adds at 320x320' in printed
    assert 'backbone  3.49 M parameters, 323.2 M multiply-adds at 320x320' in printed


@pytest.mark.parametrize(
    'name', ['faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', 'detr/detr_r50_8xb2-150e_coco.py']
)
def test_get_complexity_of_models_that_ask_for_more_than_images(name, tmp_path):
    words = (f'mmdet::{name}', '--size', 128, 160)
    printed = run_tool('analysis_tools/get_complexity.py', *words, cwd=tmp_path).stdout
    assert 'model     41.' in printed
