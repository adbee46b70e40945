import sys

import pytest
import torch
from helpers import exports

from mmghost.deploy.export_model import export_model
from mmghost.deploy.runtimes import export_module, load_exported

pytest.importorskip('coremltools')


@exports
@pytest.mark.parametrize(
    ('task', 'outputs'),
    [
        ('classification', dict(scores=(1, 10))),
        ('segmentation', dict(classes=(1, 128, 128))),
        ('detection', dict(boxes=(1, 1008, 4), scores=(1, 1008, 10), factors=(1, 1008, 1))),
    ],
)
def test_whole_models(task, outputs, demo_files, tmp_path):
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


def test_fixed_shapes_only(tmp_path):
    with pytest.raises(ValueError, match='coreml has inputs of fixed shape only'):
        export_module(
            torch.nn.Identity(),
            torch.ones(1, 1, 2, 2),
            tmp_path / 'a.mlpackage',
            'coreml',
            ['size'],
        )
