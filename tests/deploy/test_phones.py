"""The formats of phones: ncnn, MNN and Core ML."""

import sys
from importlib.util import find_spec

import pytest
import torch
from helpers import exports, randomise

from mmghost.deploy import to_deploy_form
from mmghost.deploy.export_model import export_model
from mmghost.deploy.exported_model import evaluate_exported
from mmghost.deploy.phased_attention import PhasedAttention
from mmghost.deploy.runtimes import FORMATS, export_module, load_exported
from mmghost.layers import DFCAttention


def needs(*packages):
    """Give the mark that skips a test where a package is not installed."""
    missing = [name for name in packages if not find_spec(name)]
    return pytest.mark.skipif(bool(missing), reason=f'{", ".join(missing)} not installed')


NCNN, MNN, COREML = needs('ncnn', 'pnnx'), needs('MNN'), needs('coremltools')


@pytest.mark.parametrize('dilation', [2, 4])
@pytest.mark.parametrize('size', [(16, 24), (13, 9), (7, 22)])
@pytest.mark.parametrize(
    'options', [{}, dict(upsample='bilinear', scale_first=False), dict(pool='max')]
)
def test_dilated_attention_in_three_dimensions(dilation, size, options):
    attention = torch.nn.Sequential(DFCAttention(6, 10, dilation=dilation, **options))
    randomise(attention).double().eval()
    x = torch.randn(1, 6, *size, dtype=torch.double)
    with torch.no_grad():
        expected = attention(x)
        phased = to_deploy_form(attention, 'ncnn').double()
        assert isinstance(phased[0], PhasedAttention)
        torch.testing.assert_close(phased(x), expected)


@exports
@pytest.mark.parametrize('task', ['classification', 'segmentation', 'detection'])
@pytest.mark.parametrize(
    ('format', 'suffixes'),
    [
        pytest.param('ncnn', {'.param', '.bin', '.json'}, marks=NCNN),
        pytest.param('mnn', {'.mnn', '.json'}, marks=MNN),
    ],
)
def test_whole_models(format, suffixes, task, demo_files, tmp_path):
    file = (tmp_path / 'new' / 'model').with_suffix(FORMATS[format].SUFFIX)
    report = export_model(*demo_files[task], file, format, logits=task == 'segmentation')
    assert report.difference < 1e-3 and report.image == 'the first test image'
    assert {path.suffix for path in file.parent.iterdir()} == suffixes
    exported = load_exported(file, threads=1)
    assert exported.metadata['task'] == task
    assert exported.input_shape == report.shape
    metrics = evaluate_exported(demo_files[task][0], file, tmp_path / 'work', threads=1)
    assert metrics


@NCNN
def test_what_ncnn_does_not_have(demo_files, tmp_path):
    file = tmp_path / 'model.param'
    with pytest.raises(ValueError, match='torch.argmax: --logits leaves the classes out'):
        export_model(*demo_files['segmentation'], file, 'ncnn')
    with pytest.raises(ValueError, match='leave normalize_inside out'):
        export_model(*demo_files['detection'], file, 'ncnn', normalize_inside=True)
    with pytest.raises(ValueError, match='ncnn has inputs of fixed shape only'):
        export_module(torch.nn.Identity(), torch.ones(1, 1, 2, 2), file, 'ncnn', ['size'])
    assert not list(tmp_path.iterdir())


@COREML
@exports
@pytest.mark.parametrize(
    ('task', 'outputs'),
    [
        ('classification', dict(scores=(1, 10))),
        ('segmentation', dict(classes=(1, 128, 128))),
        ('detection', dict(boxes=(1, 1008, 4), scores=(1, 1008, 10), factors=(1, 1008, 1))),
    ],
)
def test_core_ml_packages(task, outputs, demo_files, tmp_path):
    """What a package says of itself; it runs on Apple's systems only."""
    import coremltools

    file = tmp_path / 'new' / 'model.mlpackage'
    report = export_model(*demo_files[task], file, 'coreml', normalize_inside=True)
    assert report.difference is None
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    model = coremltools.models.MLModel(str(file), skip_model_load=True)
    described = model.get_spec().description
    assert model.get_spec().WhichOneof('Type') == 'mlProgram'
    assert {one.name: tuple(one.type.multiArrayType.shape) for one in described.output} == outputs
    exported = load_exported(file)
    assert exported.metadata['task'] == task
    assert exported.input_shape == report.shape
    expected = ['boxes', 'scores', 'labels'] if task == 'detection' else list(outputs)
    assert exported.output_names == expected
    if sys.platform != 'darwin':
        with pytest.raises(OSError, match="run on Apple's systems only"):
            exported(torch.zeros(report.shape).numpy())
    with pytest.raises(FileExistsError, match='exists: give another name'):
        export_model(*demo_files[task], file, 'coreml')


@COREML
@exports
def test_core_ml_has_fixed_shapes_only(tmp_path):
    with pytest.raises(ValueError, match='coreml has inputs of fixed shape only'):
        export_module(
            torch.nn.Identity(),
            torch.ones(1, 1, 2, 2),
            tmp_path / 'a.mlpackage',
            'coreml',
            ['size'],
        )
