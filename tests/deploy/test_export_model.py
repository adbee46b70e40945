import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from helpers import ROOT, exports
from mmengine.config import Config
from mmengine.runner import Runner
from tool_runs import run_tool

from mmghost.deploy.differences import difference
from mmghost.deploy.evaluate_exported import evaluate_exported
from mmghost.deploy.export_model import export_model
from mmghost.deploy.runtimes import load_exported
from mmghost.deploy.whole_model import whole_model

pytestmark = exports

METRICS = dict(detection='coco/bbox_mAP', segmentation='mIoU', classification='accuracy/top1')


@pytest.fixture(scope='module')
def detector(demo_files, tmp_path_factory):
    """A detector's ONNX file for images as they are loaded, of any number and size."""
    file = tmp_path_factory.mktemp('exported') / 'new' / 'detector.onnx'
    options = dict(dynamic=('batch', 'size'), normalize_inside=True)
    report = export_model(*demo_files['detection'], file, 'onnx', **options)
    assert report.shape == (1, 3, 128, 128) and report.difference < 1e-3
    assert report.image == 'the first test image'
    assert [path.name for path in file.parent.iterdir()] == ['detector.onnx']
    return file


def test_any_shape(detector, load_demo):
    model, _ = load_demo('detection')
    whole = whole_model(model, 'detection', normalize_inside=True)
    exported = load_exported(detector)
    assert exported.output_names == ['boxes', 'scores', 'labels']
    for shape in ((2, 3, 96, 64), (1, 3, 64, 160)):
        image = 255 * torch.rand(shape)
        expected = [output.numpy() for output in whole(image)]
        assert difference(exported(image.numpy()), expected, 'detection', shape[2:]) < 2e-2


def test_any_shape_in_openvino(demo_files, load_demo, tmp_path):
    model, _ = load_demo('classification')
    file = tmp_path / 'classifier.xml'
    export_model(*demo_files['classification'], file, 'openvino', dynamic=('batch', 'size'))
    whole = whole_model(model, 'classification')
    image = torch.randn(2, 1, 57, 48)
    expected = [output.numpy() for output in whole(image)]
    found = load_exported(file)(image.numpy())
    assert difference(found, expected, 'classification', (57, 48)) < 1e-3


def test_metadata(detector, load_demo):
    _, config = load_demo('detection')
    metadata = load_exported(detector).metadata
    assert metadata['task'] == 'detection'
    assert metadata['classes'] == list(config.metainfo.classes)
    assert metadata['thresholds']['nms']['iou_threshold'] == 0.45
    assert metadata['config'] == 'detection.py'
    preprocessing = metadata['preprocessing']
    assert preprocessing['input_size'] == [128, 128]
    assert preprocessing['channel_order'] == 'BGR' and preprocessing['normalized_inside']
    assert preprocessing['mean'] is None
    assert preprocessing['pad']['value'] == pytest.approx([103.53, 116.28, 123.675])
    assert preprocessing['transforms'][0]['type'] == 'Resize'


def metric(config_file, checkpoint, work_dir):
    config = Config.fromfile(config_file)
    config.update(work_dir=str(work_dir), load_from=str(checkpoint), custom_hooks=[])
    return Runner.from_cfg(config).test()


@pytest.fixture(scope='module')
def files(detector, demo_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp('exported')
    files = dict(detection=detector)
    for task in ('segmentation', 'classification'):
        files[task] = folder / f'{task}.pt2'
        export_model(*demo_files[task], files[task], 'torch-export')
    return files


@pytest.mark.parametrize('task', METRICS)
def test_evaluation_gives_the_metric_of_pytorch(task, files, demo_files, tmp_path):
    expected = metric(*demo_files[task], tmp_path)
    found = evaluate_exported(demo_files[task][0], files[task], tmp_path)
    assert found[METRICS[task]] == pytest.approx(expected[METRICS[task]], abs=0.1)


def test_evaluation_names_mistakes(files, demo_files, tmp_path):
    with pytest.raises(ValueError, match='the config is for detection, but .* for segmentation'):
        evaluate_exported(demo_files['detection'][0], files['segmentation'], tmp_path)
    with pytest.raises(FileNotFoundError, match='there is no file'):
        evaluate_exported(demo_files['detection'][0], tmp_path / 'absent.onnx', tmp_path)


def test_logits_and_noise(demo_files, tmp_path):
    steps = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]  # no size
    dataset = dict(data_root=str(tmp_path / 'absent'), pipeline=steps)
    options = dict(test_dataloader=dict(dataset=dataset))
    config, checkpoint = demo_files['segmentation']
    words = (config, checkpoint, tmp_path / 'segmentor.pt2', 'torch-export')
    with pytest.raises(ValueError, match='the test pipeline sets no size, .* give --shape'):
        export_model(*words, cfg_options=options)
    report = export_model(*words, shape=(64, 96), logits=True, cfg_options=options)
    assert report.image == 'noise' and report.difference < 1e-3
    (logits,) = load_exported(words[2])(np.zeros((1, 3, 64, 96), np.float32))
    assert logits.shape == (1, 11, 64, 96)


def test_int8(demo_files, tmp_path):
    file = tmp_path / 'classifier.onnx'
    report = export_model(*demo_files['classification'], file, 'onnx', int8=8)
    assert 0 < report.difference < 0.5
    graph = onnx.load(file).graph
    weights = {weight.data_type for weight in graph.initializer if len(weight.dims) == 4}
    assert weights == {onnx.TensorProto.INT8}
    assert load_exported(file).metadata['task'] == 'classification'


def test_a_wrong_file_is_not_written(demo_files, tmp_path, monkeypatch):
    monkeypatch.setattr('mmghost.deploy.export_model.difference', lambda *args: 0.01)
    with pytest.raises(RuntimeError, match="outputs differ from PyTorch's by 1.0e-02 on the first"):
        export_model(*demo_files['classification'], tmp_path / 'm.pt2', 'torch-export')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('error', 'message', 'options'),
    [
        (ValueError, 'logits are an option of segmentation, not of detection', dict(logits=True)),
        (ValueError, '8-bit integers are for the format onnx only', dict(int8=10)),
        (FileNotFoundError, 'there is no file absent.pth', dict(checkpoint='absent.pth')),
        (FileExistsError, 'taken.pt2 exists: give another name', dict(file='taken.pt2')),
    ],
)
def test_mistakes_are_named(error, message, options, demo_files, tmp_path):
    (tmp_path / 'taken.pt2').touch()
    config, checkpoint = demo_files['detection']
    words = dict(config=config, checkpoint=checkpoint, file='m.pt2', format='torch-export')
    words |= options
    words['file'] = tmp_path / words['file']
    with pytest.raises(error, match=message):
        export_model(**words)
    assert [path.name for path in tmp_path.iterdir()] == ['taken.pt2']


def test_tools(demo_files, files, tmp_path):
    def run(*words):
        return run_tool(*words, cwd=tmp_path)

    config, checkpoint = demo_files['classification']
    words = (config, checkpoint, '--format', 'torch-export', '-o', tmp_path / 'classifier.pt2')
    done = run('export.py', *words)
    assert done.returncode == 0, done.stderr
    assert 'classifier.pt2: input 1x1x48x48, differs from PyTorch by' in done.stdout
    failed = run('export.py', *words)
    assert failed.returncode == 1 and failed.stderr.endswith('exists: give another name.\n')
    assert failed.stderr.startswith('error: ')
    done = run(
        'test_exported.py', config, tmp_path / 'classifier.pt2', '--work-dir', tmp_path / 'work'
    )
    assert done.returncode == 0 and 'accuracy/top1' in done.stdout
    failed = run('test_exported.py', demo_files['detection'][0], tmp_path / 'classifier.pt2')
    assert failed.returncode == 1 and 'Traceback' not in failed.stderr
    assert 'error: the config is for detection' in failed.stderr


BLOCK = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'mmghost', 'mmengine', 'mmcv', 'mmdet'):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
"""


def test_script_of_the_docs_needs_no_torch(detector, load_demo, scenes, tmp_path):
    from mmdet.apis import inference_detector

    page = (ROOT / 'docs' / 'deploy.md').read_text()
    (script,) = re.findall(r'```python\n("""Print.*?)```', page, re.DOTALL)
    (tmp_path / 'detect.py').write_text(BLOCK + script)
    picture = sorted(scenes.glob('images/validation/*.jpg'))[0]
    command = [sys.executable, str(tmp_path / 'detect.py'), str(detector), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = [line.rsplit(' ', 5) for line in done.stdout.splitlines()]

    model, config = load_demo('detection')
    model.cfg = config
    expected = inference_detector(model, str(picture)).pred_instances
    expected = expected[expected.scores >= 0.3]
    assert len(found) == len(expected) > 0
    for (name, score, *box), wanted in zip(found, expected):
        assert name == config.metainfo.classes[wanted.labels]
        assert float(score) == pytest.approx(wanted.scores.item(), abs=2e-3)
        assert np.allclose(np.float32(box), wanted.bboxes[0], atol=0.2)
