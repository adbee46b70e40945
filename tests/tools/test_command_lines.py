import pytest
from helpers import CONFIGS
from tool_runs import run_tool

SCENES = 'dataset_converters/fashion_scenes.py'


def test_fashion_scenes(tmp_path, idx_folder):
    words = ('--source', idx_folder, '--out-dir', 'out', '--train-count', 3, '--val-count', 2)
    assert 'made from' in run_tool(SCENES, *words, cwd=tmp_path).stdout
    assert len(list(tmp_path.glob('out/images/*/*.jpg'))) == 5
    assert 'up to date' in run_tool(SCENES, *words, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--source', 'absent'), 'absent lacks train-images-idx3-ubyte'),
        (('--size', '7'), 'size must be an integer from 64 to 2048'),
        (('--train-count', 'many'), "invalid int value: 'many'"),
        (('--sise', '128'), 'unrecognized arguments: --sise'),
        (('--out-dir', 'taken'), 'taken exists and is not a data set'),
    ],
)
def test_mistakes_are_named(tmp_path, idx_folder, words, message):
    (tmp_path / 'taken').mkdir()
    (tmp_path / 'taken' / 'file').touch()
    if '--source' not in words:
        words = ('--source', idx_folder, *words)
    failed = run_tool(SCENES, *words, cwd=tmp_path)
    assert failed.returncode != 0
    assert message in failed.stderr
    assert 'Traceback' not in failed.stderr
    assert not list(tmp_path.glob('data*'))


def test_get_complexity(tmp_path):
    config = CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'
    words = (config, '--size', 320, 320)
    printed = run_tool('analysis_tools/get_complexity.py', *words, cwd=tmp_path).stdout
    assert 'model     4.99 M parameters, 1358.0 M multiply-adds at 320x320' in printed
    assert 'backbone  3.49 M parameters, 323.2 M multiply-adds at 320x320' in printed


@pytest.mark.parametrize(
    ('name', 'printed'),
    [
        ('mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', 'model     41.'),
        ('mmdet::detr/detr_r50_8xb2-150e_coco.py', 'model     41.'),
    ],
)
def test_get_complexity_of_models_that_ask_for_more_than_images(name, printed, tmp_path):
    words = (name, '--size', 128, 160)
    assert printed in run_tool('analysis_tools/get_complexity.py', *words, cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ('text', 'message'),
    [(None, 'there is no config file'), ('model = dict()', 'mine.py: the config is for')],
)
def test_get_complexity_names_what_is_wrong(text, message, tmp_path):
    config = tmp_path / 'mine.py'
    if text is not None:
        config.write_text(text)
    failed = run_tool('analysis_tools/get_complexity.py', config, cwd=tmp_path)
    assert failed.returncode != 0 and message in failed.stderr
    assert 'Traceback' not in failed.stderr
