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


@pytest.mark.parametrize(
    ('indices', 'size', 'reason'),
    [
        ('2,4,5', (64, 64), "its backbone's maps are 40x8x8, 160x2x2, 960x2x2 (Sizes"),
        ('3,4', (64, 64), "its backbone's maps are 112x4x4, 160x2x2 (AssertionError)"),
        ('2,3,4', (64, 80), 'the sides must be multiples of 32 (Sizes'),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(indices, size, reason, tmp_path):
    base = CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'
    channels = {'2,4,5': [960, 160, 40]}.get(indices, [160, 112, 40])
    model = f'dict(backbone=dict(out_indices=({indices})), neck=dict(in_channels={channels}))'
    (tmp_path / 'config.py').write_text(f"_base_ = '{base}'\nmodel = {model}")
    done = run_tool('analysis_tools/get_complexity.py', 'config.py', '--size', *size, cwd=tmp_path)
    last = done.stderr.splitlines()[-1]
    start = f'error: the model takes no images of {size[0]}x{size[1]}: {reason}'
    assert last.startswith(start), done.stderr
