import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from documents import program
from helpers import CONFIGS, exports
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from settled_models import settle_model
from tool_runs import run_tool

from mmghost.deploy.differences import difference
from mmghost.deploy.export_model import export_model
from mmghost.deploy.exported_model import ExportedModel, evaluate_exported
from mmghost.deploy.runtimes import load_exported
from mmghost.deploy.whole_model import whole_model
from mmghost.utils.configs import MissingDataError

pytestmark = exports


@pytest.fixture(scope='module')
def detector(demo_files, tmp_path_factory):
    """A detector's ONNX file for images as they are loaded."""
    file = tmp_path_factory.mktemp('exported') / 'new' / 'detector.onnx'
    report = export_model(*demo_files['detection'], file, 'onnx', normalize_inside=True)
    assert report.shape == (1, 3, 128, 128) and report.difference < 1e-3
    assert report.image == 'the first test image'
    assert [path.name for path in file.parent.iterdir()] == ['detector.onnx']
    return file


@pytest.mark.slow
@pytest.mark.parametrize(
    ('task', 'format', 'suffix', 'shapes', 'limit'),
    [
        ('detection', 'onnx', '.onnx', [(2, 3, 96, 64), (1, 3, 64, 160)], 2e-2),
        ('classification', 'openvino', '.xml', [(2, 1, 57, 48)], 1e-3),
    ],
)
def test_any_shape(task, format, suffix, shapes, limit, demo_files, load_demo, tmp_path):
    model, _ = load_demo(task)
    file = tmp_path / f'model{suffix}'
    options = dict(dynamic=('batch', 'size'), normalize_inside=True)
    export_model(*demo_files[task], file, format, **options)
    whole = whole_model(model, task, normalize_inside=True)
    exported = load_exported(file)
    assert exported.output_names == list(whole.output_names)
    for shape in shapes:
        image = 255 * torch.rand(shape)
        expected = [output.numpy() for output in whole(image)]
        assert difference(exported(image.numpy()), expected, task, shape[2:]) < limit


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


@pytest.fixture(scope='module')
def files(detector, demo_files, tmp_path_factory):
    folder = tmp_path_factory.mktemp('exported')
    files = dict(detection=detector)
    for task in ('segmentation', 'classification'):
        files[task] = folder / f'{task}.pt2'
        export_model(*demo_files[task], files[task], 'torch-export')
    return files


def predictions(model, loader):
    """Predict the first images of a data set, each by itself."""
    with torch.no_grad():
        return [model.test_step(batch)[0] for batch, _ in zip(loader, range(4))]


@pytest.mark.parametrize('task', ['detection', 'segmentation', 'classification'])
def test_predictions_are_those_of_pytorch(task, files, load_demo):
    model, config = load_demo(task)
    config.test_dataloader.batch_size = 1
    loader = Runner.build_dataloader(config.test_dataloader)
    exported = ExportedModel(str(files[task]), config.model.data_preprocessor)
    for found, expected in zip(predictions(exported, loader), predictions(model, loader)):
        if task == 'classification':
            torch.testing.assert_close(found.pred_score, expected.pred_score, rtol=1e-3, atol=1e-5)
            assert found.pred_label == expected.pred_label == expected.pred_score.argmax()
        elif task == 'segmentation':
            classes = expected.pred_sem_seg.data
            assert classes.float().std() > 0
            assert (found.pred_sem_seg.data == classes).float().mean() > 0.99
        else:
            found, expected = found.pred_instances, expected.pred_instances
            assert len(found) == len(expected) > 5
            torch.testing.assert_close(found.scores, expected.scores, rtol=1e-3, atol=1e-5)
            torch.testing.assert_close(found.bboxes, expected.bboxes, rtol=1e-3, atol=0.1)
            assert torch.equal(found.labels, expected.labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    'head',
    [
        dict(type='MultiLabelLinearClsHead', thr=0.4),
        dict(type='CSRAClsHead', num_heads=2, lam=0.1, topk=3),
        dict(type='ArcFaceClsHead', num_subcenters=2),
    ],
)
def test_heads_for_several_labels_and_for_metrics(head, demo_files, tmp_path):
    config = Config.fromfile(demo_files['classification'][0])
    config.model.head = dict(head, num_classes=10, in_channels=480)
    if head['type'] == 'CSRAClsHead':  # pools by itself
        config.model.neck = None
    config.dump(tmp_path / 'config.py')
    init_default_scope('mmpretrain')
    model = settle_model(MODELS.build(config.model))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    file = tmp_path / 'model.pt2'
    export_model(tmp_path / 'config.py', tmp_path / 'model.pth', file, 'torch-export')
    config.test_dataloader.batch_size = 1
    loader = Runner.build_dataloader(config.test_dataloader)
    exported = ExportedModel(str(file), config.model.data_preprocessor)
    for found, expected in zip(predictions(exported, loader), predictions(model, loader)):
        torch.testing.assert_close(found.pred_score, expected.pred_score, rtol=1e-3, atol=1e-5)
        assert torch.equal(found.pred_label, expected.pred_label)


@pytest.mark.slow
@pytest.mark.parametrize('logits', [True, False])
def test_threshold_of_one_logit(logits, demo_files, tmp_path):
    config = Config.fromfile(demo_files['segmentation'][0])
    for head in (config.model.decode_head, config.model.auxiliary_head):
        head.update(num_classes=2, out_channels=1)
    config.test_dataloader.batch_size = 1
    loader = Runner.build_dataloader(config.test_dataloader)
    init_default_scope('mmseg')
    model = settle_model(MODELS.build(config.model))
    (sample,) = predictions(model, loader)[:1]
    threshold = sample.seg_logits.data.quantile(0.3).item()  # they are the sigmoid's
    assert abs((sample.seg_logits.data > 0.5).float().mean() - 0.7) > 0.05
    config.model.decode_head.threshold = model.decode_head.threshold = threshold
    config.dump(tmp_path / 'two_classes.py')
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'two_classes.pth')
    file = tmp_path / 'file.pt2'
    words = (tmp_path / 'two_classes.py', tmp_path / 'two_classes.pth', file, 'torch-export')
    export_model(*words, logits=logits)
    exported = ExportedModel(str(file), config.model.data_preprocessor)
    found, expected = (predictions(m, loader)[0].pred_sem_seg.data for m in (exported, model))
    assert expected.float().mean() == pytest.approx(0.7, abs=0.01)
    assert (found == expected).float().mean() > 0.99


@pytest.mark.parametrize(
    ('task', 'name'),
    [
        ('detection', 'coco/bbox_mAP'),
        pytest.param('segmentation', 'mIoU', marks=pytest.mark.slow),
    ],
)
def test_evaluation_gives_the_metric_of_pytorch(task, name, files, demo_files, tmp_path):
    config_file, checkpoint = demo_files[task]
    config = Config.fromfile(config_file)
    config.update(work_dir=str(tmp_path), load_from=str(checkpoint), custom_hooks=[])
    expected = Runner.from_cfg(config).test()
    found = evaluate_exported(config_file, files[task], tmp_path)
    assert found[name] == pytest.approx(expected[name], abs=0.1)


def test_data_to_test_with_are_said_to_be_where(files, tmp_path):
    config = CONFIGS / 'classification' / 'ghostnetv2-1.0x_1xb32-20e_imagenette-128.py'
    message = 'there is no data/imagenette/.*tools/dataset_converters/imagenette.py'
    with pytest.raises(MissingDataError, match=message):
        evaluate_exported(config, files['classification'], tmp_path)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize('task, predicting', [('classification', 0), ('detection', 3)])
def test_int8_in_onnx(task, predicting, demo_files, tmp_path):
    """The convolutions that predict are in single precision."""
    file = tmp_path / 'model.onnx'
    report = export_model(*demo_files[task], file, 'onnx', int8=8)
    assert report.difference > 0
    graph = onnx.load(file).graph
    weights = [weight.data_type for weight in graph.initializer if len(weight.dims) == 4]
    assert weights.count(onnx.TensorProto.FLOAT) == predicting
    assert weights.count(onnx.TensorProto.INT8) == len(weights) - predicting > 50
    assert load_exported(file).metadata['task'] == task


@pytest.mark.slow
@pytest.mark.parametrize('task', ['classification', 'detection'])
def test_int8_in_openvino(task, demo_files, tmp_path):
    pytest.importorskip('nncf')
    import openvino

    file = tmp_path / 'model.xml'
    report = export_model(*demo_files[task], file, 'openvino', int8=8)
    assert report.difference > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ['model.bin', 'model.xml']
    operations = openvino.Core().read_model(file).get_ordered_ops()
    kinds = [operation.get_type_name() for operation in operations]
    weights = [
        operation
        for operation in operations
        if operation.get_type_name() == 'Constant'
        and operation.get_output_element_type(0) == openvino.Type.i8
        and len(operation.get_output_shape(0)) >= 4
    ]
    convs = kinds.count('Convolution'), kinds.count('GroupConvolution')
    assert len(weights) >= sum(convs) and min(convs) > 20
    last = max(index for index, kind in enumerate(kinds) if kind in ('Convolution', 'MatMul'))
    assert 'FakeQuantize' not in kinds[last:]
    assert load_exported(file).metadata['task'] == task


@pytest.mark.slow
@pytest.mark.parametrize('task', ['classification', 'segmentation'])
def test_int8_in_litert(task, demo_files, tmp_path):
    pytest.importorskip('litert_torch')
    from ai_edge_litert.schema_py_generated import BuiltinOperator, ModelT, TensorType

    file = tmp_path / 'model.tflite'
    report = export_model(*demo_files[task], file, 'litert', int8=8)
    assert report.difference > 0
    model = ModelT.InitFromPackedBuf(file.read_bytes())
    (graph,) = model.subgraphs
    convs = [
        [graph.tensors[index].type for index in operation.inputs]
        for operation in graph.operators
        if model.operatorCodes[operation.opcodeIndex].builtinCode
        in (BuiltinOperator.CONV_2D, BuiltinOperator.DEPTHWISE_CONV_2D)
    ]
    assert len(convs) > 20
    assert all(types[:2] == [TensorType.INT8, TensorType.INT8] for types in convs)
    exported = load_exported(file)
    assert exported.metadata['task'] == task
    (found,) = exported(np.zeros(report.shape, np.float32))
    assert found.dtype in (np.float32, np.int32, np.int64)


def test_a_wrong_file_is_not_written(demo_files, tmp_path, monkeypatch):
    monkeypatch.setattr('mmghost.deploy.export_model.difference', lambda *args: 0.01)
    with pytest.raises(ValueError, match="outputs differ from PyTorch's by 1.0e-02 on the first"):
        export_model(*demo_files['classification'], tmp_path / 'm.pt2', 'torch-export')
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_another_shape_is_checked(demo_files, tmp_path, monkeypatch):
    def fail_on_others(image):
        if image.shape[0] > 1:
            raise RuntimeError('of this shape there is none')
        return load_exported.exported(image)

    def load(file):
        load_exported.exported = load_exported(file)
        return fail_on_others

    monkeypatch.setattr('mmghost.deploy.export_model.load_exported', load)
    with pytest.raises(ValueError, match=r'not run on .* another shape \(2 of 49x51\): of this'):
        export_model(
            *demo_files['classification'],
            tmp_path / 'm.pt2',
            'torch-export',
            dynamic=('batch', 'size'),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('error', 'message', 'options'),
    [
        (ValueError, 'logits are an option of segmentation, not of detection', dict(logits=True)),
        (ValueError, '8-bit integers are for onnx, openvino, litert, not for', dict(int8=10)),
        (FileNotFoundError, 'there is no file absent.pth', dict(checkpoint='absent.pth')),
        (FileExistsError, 'taken.pt2 exists: give another name', dict(file='taken.pt2')),
        (
            ValueError,
            'a detector needs model.test_cfg.nms_pre',
            dict(dynamic=('size',), cfg_options={'model.test_cfg.nms_pre': -1}),
        ),
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


@pytest.mark.slow
def test_tools(demo_files, tmp_path):
    def run(*words):
        return run_tool(*words, cwd=tmp_path)

    config, checkpoint = demo_files['classification']
    words = (config, checkpoint, '--format', 'torch-export', '-o', tmp_path / 'classifier.pt2')
    done = run('export.py', *words)
    assert done.returncode == 0, done.stderr
    assert 'classifier.pt2: input 1x1x48x48, differs from PyTorch by' in done.stdout
    words = ('test_exported.py', config, tmp_path / 'classifier.pt2')
    done = run(*words, '--work-dir', tmp_path / 'work')
    assert done.returncode == 0 and 'accuracy/top1' in done.stdout
    larger = 'test_dataloader.dataset.pipeline.0.scale=64'
    other = (words[0], demo_files['detection'][0], words[2])
    for failing, message in (
        (other, 'the config is for detection, but '),
        ((*words, '--cfg-options', larger), 'an image of 64x64 does not fit into the input of'),
    ):
        failed = run(*failing)
        assert failed.returncode == 1 and failed.stderr.startswith(f'error: {message}')


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

    (tmp_path / 'detect.py').write_text(BLOCK + program('detect.py detector.onnx'))
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
