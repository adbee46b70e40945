from importlib.util import find_spec

import pytest
import torch
from helpers import randomise

from mmghost.deploy import to_deploy_form
from mmghost.deploy.export_model import export_model
from mmghost.deploy.exported_model import evaluate_exported
from mmghost.deploy.phased_attention import PhasedAttention
from mmghost.deploy.runtimes import export_module, load_exported
from mmghost.layers import DFCAttention

NEEDED = pytest.mark.skipif(
    not (find_spec('ncnn') and find_spec('pnnx')),
    reason='ncnn and pnnx are not installed',
)


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


@NEEDED
@pytest.mark.parametrize('task', ['classification', 'segmentation', 'detection'])
def test_whole_models(task, demo_files, tmp_path):
    file = tmp_path / 'new' / 'model.param'
    report = export_model(*demo_files[task], file, 'ncnn', logits=task == 'segmentation')
    assert report.difference < 1e-3 and report.image == 'the first test image'
    assert {path.name for path in file.parent.iterdir()} == {
        f'model.{suffix}' for suffix in ('param', 'bin', 'json')
    }
    exported = load_exported(file, threads=1)
    assert exported.metadata['task'] == task
    assert exported.input_shape == report.shape
    metrics = evaluate_exported(demo_files[task][0], file, tmp_path / 'work', threads=1)
    assert metrics


@NEEDED
def test_what_ncnn_does_not_have(demo_files, tmp_path):
    file = tmp_path / 'model.param'
    with pytest.raises(ValueError, match='torch.argmax: --logits leaves the classes out'):
        export_model(*demo_files['segmentation'], file, 'ncnn')
    with pytest.raises(ValueError, match='leave normalize_inside out'):
        export_model(*demo_files['detection'], file, 'ncnn', normalize_inside=True)
    with pytest.raises(ValueError, match='ncnn has inputs of fixed shape only'):
        export_module(torch.nn.Identity(), torch.ones(1, 1, 2, 2), file, 'ncnn', ['size'])
    assert not list(tmp_path.iterdir())
