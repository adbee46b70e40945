"""The formats of phones: ncnn, MNN and Core ML."""

import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from documents import program
from helpers import ROOT, exports, randomise

from demo.__main__ import DEMO_CONFIGS
from mmghost.checkpoint import find_published
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


def installed(*libraries):
    """Say whether pkg-config finds libraries and their headers."""
    command = shutil.which('pkg-config')
    return command and not subprocess.run([command, '--exists', *libraries]).returncode


def compiled(source, folder):
    """Compile a C++ program with ncnn and return its command."""
    (folder / 'detect.cpp').write_text(source)
    flags = subprocess.check_output(['pkg-config', '--cflags', '--libs', 'ncnn'], text=True).split()
    words = ['-O2', '-Wall', '-Werror', 'detect.cpp', '-o', 'detect', '-fopenmp', *flags]
    subprocess.run(['g++', *words], cwd=folder, check=True)
    return [folder / 'detect']


@NCNN
@exports
@pytest.mark.parametrize(
    'language',
    [
        'python',
        pytest.param(
            'c++',
            marks=pytest.mark.skipif(
                not installed('ncnn', 'nlohmann_json'), reason='ncnn or its headers not installed'
            ),
        ),
    ],
)
def test_programs_of_the_docs(language, tmp_path):
    from mmdet.apis import inference_detector, init_detector

    if language == 'python':
        (tmp_path / 'detect.py').write_text(program('detect.py detector.param'))
        command = [sys.executable, tmp_path / 'detect.py']
    else:
        source = program('// Print what an exported detector finds')
        assert source.count('\n') < 120
        command = compiled(source, tmp_path)
    config = DEMO_CONFIGS['det']
    checkpoint = find_published(config, ROOT / 'checkpoints')
    file, picture = tmp_path / 'detector.param', ROOT / 'demo' / 'scene.jpg'
    export_model(config, checkpoint, file, 'ncnn')
    found = subprocess.check_output([*command, file, picture], text=True).splitlines()

    model = init_detector(str(config), str(checkpoint), device='cpu')
    expected = inference_detector(model, str(picture)).pred_instances
    expected = expected[expected.scores >= 0.3]
    assert len(found) == len(expected) > 3
    for line, wanted in zip(found, expected):
        name, score, *box = line.rsplit(' ', 5)
        assert name == model.dataset_meta['classes'][wanted.labels]
        assert float(score) == pytest.approx(wanted.scores.item(), abs=0.02)
        assert np.allclose(np.float32(box), wanted.bboxes[0], atol=1)


@NCNN
def test_what_ncnn_does_not_have(demo_files, tmp_path):
    file = tmp_path / 'model.param'
    with pytest.raises(ValueError, match='torch.argmax: --logits leaves the classes out'):
        export_model(*demo_files['segmentation'], file, 'ncnn')
    with pytest.raises(ValueError, match='leave normalize_inside out'):
        export_model(*demo_files['detection'], file, 'ncnn', normalize_inside=True)
    with pytest.raises(ValueError, match='ncnn has inputs of fixed shape only'):
        export_module(torch.nn.Identity(), torch.ones(1, 1, 2, 2), file, 'ncnn', ['size'])
    with pytest.raises(ValueError, match='one image at a time, not on 2'):
        export_module(torch.nn.Identity(), torch.ones(2, 1, 2, 2), file, 'ncnn')
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
