import sys

import pytest
import torch
from helpers import exports, randomise, settle
from settled_models import assert_same_outputs
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.deploy import to_deploy_form
from mmghost.deploy.runtimes import FORMATS, export_module, load_exported
from mmghost.layers import DFCAttention, MobileViTAttention

NOT_SET_UP = dict(litert='litert_torch', ncnn='pnnx', mnn='MNN')
#: Those that this system runs
COMPARED = [name for name, runtime in FORMATS.items() if runtime.COMPARED]
METADATA = dict(task='nothing', classes=['Hemd', 'Tür', '靴'], mean=[1.5, 2.0])


def skip_without_packages(format):
    """Skip the test of a format that the set-up does not install."""
    if format in NOT_SET_UP:
        pytest.importorskip(NOT_SET_UP[format])


@pytest.fixture(scope='module')
def backbone():
    torch.manual_seed(0)
    backbone = settle(GhostNetV2(0.5, out_indices=(1, 2))).float()
    backbone.switch_to_deploy()
    return backbone


class Read(nn.Module):
    """A backbone whose maps convolutions read, which a runtime may merge with what is before."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.convs = nn.ModuleList(nn.Conv2d(c, 8, 1) for c in backbone.out_channels)

    def forward(self, x):
        return [conv(x) for conv, x in zip(self.convs, self.backbone(x))]


@exports
@pytest.mark.parametrize('format', COMPARED)
def test_fixed_shape(format, tmp_path):
    """Each output is what is made of its own map."""
    skip_without_packages(format)
    model = Read(settle(GhostNet(0.5, out_indices=(0, 1, 2, 3, 4))).float()).eval()
    form = to_deploy_form(model, FORMATS[format].TARGET)
    file = tmp_path / 'new' / f'model{FORMATS[format].SUFFIX}'
    image, names = torch.randn(1, 3, 96, 33), [f'of_map_{index}' for index in range(5)]
    export_module(form, image, file, format, (), METADATA, names)
    exported = load_exported(file, threads=1)
    assert exported.metadata == METADATA
    assert exported.input_shape == (1, 3, 96, 33)
    assert exported.output_names == names
    assert_same_outputs(exported, model, 1, 3, 96, 33)
    beside = {file.with_suffix(suffix) for suffix in FORMATS[format].BESIDE}
    assert set(file.parent.iterdir()) == {file, *beside}
    with pytest.raises(FileExistsError, match='exists: give another name'):
        export_module(form, image, file, format)


@exports
@pytest.mark.parametrize('format', ['onnx', 'torch-export'])  # OpenVINO's comes from ONNX's
def test_dynamic_shape(backbone, format, tmp_path):
    file = tmp_path / f'backbone{FORMATS[format].SUFFIX}'
    export_module(backbone, torch.randn(1, 3, 64, 96), file, format, ('batch', 'size'))
    exported = load_exported(file)
    assert exported.metadata == {}
    assert exported.input_shape == (None, 3, None, None)
    assert exported.output_names == ['output_0', 'output_1']
    for shape in ((1, 3, 64, 96), (3, 3, 65, 33), (1, 3, 39, 128)):
        assert_same_outputs(exported, backbone, *shape)


class Listed(nn.Module):
    """A layer whose output is a tuple."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return (self.layer(x),)


@exports
@pytest.mark.parametrize('format', COMPARED)
def test_bicubic_upsampling(format, tmp_path):
    skip_without_packages(format)
    layer = Listed(randomise(DFCAttention(4, 8, upsample='bicubic'))).eval()
    for dynamic in ((), ('size',)):
        if dynamic and 'size' not in FORMATS[format].DYNAMIC:
            continue
        file = tmp_path / f'layer{len(dynamic)}{FORMATS[format].SUFFIX}'
        export_module(layer, torch.randn(1, 4, 15, 10), file, format, dynamic)
        exported = load_exported(file)
        for size in ((15, 10), (8, 31)) if dynamic else ((15, 10),):
            assert_same_outputs(exported, layer, 1, 4, *size)


@exports
@pytest.mark.slow
@pytest.mark.parametrize(
    'layer', [DFCAttention(4, 8, dilation=2), MobileViTAttention(4, 8, dilation=2, num_heads=1)]
)
@pytest.mark.parametrize('format', ['onnx', 'openvino', 'torch-export'])
def test_sizes_that_no_step_divides(layer, format, tmp_path):
    layer = Listed(randomise(layer)).eval()
    file = tmp_path / f'layer{FORMATS[format].SUFFIX}'
    export_module(layer, torch.randn(1, 4, 16, 16), file, format, ('size',))
    exported = load_exported(file)
    for size in ((16, 16), (17, 23), (21, 12)):
        assert_same_outputs(exported, layer, 1, 4, *size)


@pytest.mark.parametrize(
    ('error', 'message', 'options'),
    [
        (ValueError, "format must be one of .*, but got 'tensorrt'", dict(format='tensorrt')),
        (ValueError, 'a file of format openvino ends in .xml', dict(format='openvino')),
        (ValueError, "dynamic may hold batch and size, but got 'n'", dict(dynamic=('n',))),
        (
            ValueError,
            'litert has inputs of fixed shape only: size cannot',
            dict(format='litert', file='m.tflite', dynamic=('size',)),
        ),
    ],
)
def test_mistakes_are_named(error, message, options, tmp_path):
    words = dict(format='onnx', file='m.onnx') | options
    with pytest.raises(error, match=message):
        export_module(nn.Identity(), torch.zeros(1), tmp_path / words.pop('file'), **words)
    assert not list(tmp_path.iterdir())


@exports
@pytest.mark.parametrize(
    ('format', 'package', 'extra'),
    [
        ('onnx', 'onnxruntime', 'onnx'),
        ('openvino', 'openvino', 'openvino'),
        ('litert', 'ai_edge_litert', 'litert'),
        ('ncnn', 'ncnn', 'ncnn'),
        ('coreml', 'coremltools', 'coreml'),
        ('mnn', 'MNN', 'mnn'),
    ],
)
def test_missing_package_is_named(format, package, extra, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    file = tmp_path / f'm{FORMATS[format].SUFFIX}'
    with pytest.raises(ImportError, match=rf'{package} .* pip install mmghost\[{extra}\]'):
        export_module(nn.Identity(), torch.zeros(1), file, format)
    assert not list(tmp_path.iterdir())


def test_loading_names_mistakes(tmp_path):
    with pytest.raises(FileNotFoundError, match='there is no file'):
        load_exported(tmp_path / 'absent.onnx')
    with pytest.raises(FileNotFoundError, match='there is no file .*absent.mlpackage'):
        load_exported(tmp_path / 'absent.mlpackage')
    with pytest.raises(ValueError, match=r'ends in one of \.onnx, \.xml, \.tflite, \.param, '):
        load_exported(tmp_path / 'epoch_3.pth')
    (tmp_path / 'there.onnx').touch()
    with pytest.raises(ValueError, match='threads must be an integer >= 1, but got 0'):
        load_exported(tmp_path / 'there.onnx', threads=0)


def test_an_old_torch_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, '__version__', '2.8.1+cu126')
    with pytest.raises(ImportError, match=r'torch >=2.9.0, but 2.8.1\+cu126 is installed'):
        export_module(nn.Identity(), torch.zeros(1), tmp_path / 'm.onnx', 'onnx')
    (tmp_path / 'm.pt2').touch()
    with pytest.raises(ImportError, match='torch >=2.9.0'):
        load_exported(tmp_path / 'm.pt2')


@exports
def test_failed_export_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        export_module(nn.Conv2d(1, 1, 3), torch.zeros(1, 2, 3, 4), tmp_path / 'm.onnx', 'onnx')
    assert not list(tmp_path.iterdir())
