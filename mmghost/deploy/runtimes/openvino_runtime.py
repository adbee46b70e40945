"""OpenVINO's files."""

import json
import os
from xml.etree import ElementTree

import numpy as np

from mmghost.layers import DFCAttention

from ..packing.layouts import PackedConv2d
from .common import KEY, quiet, require
from .onnx_runtime import to_onnx

SUFFIX = '.xml'
TARGET = 'openvino'
BESIDE = ('.bin',)
DYNAMIC = ('batch', 'size')
COMPARED = True
QUANTIZERS = ('nncf',)
#: The convolutions that work on blocks of 16 channels, by the type of their operation
_IN_BLOCKS = dict(
    Convolution='cpu:jit_avx512_1x1,cpu:jit_avx512', GroupConvolution='cpu:jit_avx512_dw'
)
_WEIGHTED = ('Convolution', 'GroupConvolution', 'MatMul')


def require_packages(to_export=True):
    require('openvino', 'openvino', *(('onnx', 'onnxscript') if to_export else ()))


def write(module, example, file, dynamic, text, output_names):
    import openvino

    # Its own frontend for torch has no rule for non-maximum suppression
    content = to_onnx(module, example, dynamic, text, output_names).SerializeToString()
    model = openvino.Core().read_model(content)
    model.set_rt_info(text, KEY)
    openvino.save_model(model, str(file), compress_to_fp16=False)
    weights = _weights_in_blocks(module)
    if weights and not dynamic:
        _keep_in_blocks(file, weights)


def _weights_in_blocks(module):
    """Name the weights of the convolutions in a module that are faster in blocks.

    They are those on packed maps, but for the ones in dilated DFC attention: its maps are taken
    apart by transposing, after which OpenVINO would choose far slower convolutions.
    """
    dilated = {
        conv
        for part in module.modules()
        if isinstance(part, DFCAttention) and part.dilation > 1
        for conv in part.modules()
    }
    return {
        f'{name}.weight'
        for name, part in module.named_modules()
        if isinstance(part, PackedConv2d) and part not in dilated
    }


def _keep_in_blocks(file, weights):
    """Have some of a file's convolutions work on blocks of 16 channels.

    Concatenations of whole blocks are then no work. On processors with AVX-512, OpenVINO's CPU
    plugin prefers convolutions that work on maps with all channels innermost; a file can name, at
    each, those that it is to prefer (``primitives_priority``). Where these do not exist, OpenVINO
    chooses as ever.
    """
    tree = ElementTree.parse(file)
    layers = {layer.get('id'): layer for layer in tree.iter('layer')}
    sources = {
        (edge.get('to-layer'), edge.get('to-port')): edge.get('from-layer')
        for edge in tree.iter('edge')
    }
    for identity, layer in layers.items():
        if layer.get('type') not in _IN_BLOCKS:
            continue
        source = layers[sources[identity, '1']]
        if source.get('type') == 'Reshape':  # into groups
            source = layers[sources[source.get('id'), '0']]
        if source.get('name') in weights:
            ElementTree.SubElement(
                ElementTree.SubElement(layer, 'rt_info'),
                'attribute',
                name='primitives_priority',
                version='0',
                value=_IN_BLOCKS[layer.get('type')],
            )
    tree.write(file, encoding='utf-8', xml_declaration=True)


def quantize(file, images):
    """Let the network of an OpenVINO file compute in 8-bit integers, in place.

    What comes after the last layer with weights stays in single precision.

    Args:
        file (Path): The file.
        images (Iterable[Tensor]): Inputs that show which values there are.
    """
    import nncf
    import openvino
    from openvino.passes import ConstantFolding, Manager

    model = openvino.Core().read_model(file)
    # NNCF gives weights that are reshaped into groups scales of a wrong shape, and OpenVINO leaves
    # their convolutions in single precision
    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(model)
    images = [image.numpy() for image in images]
    with quiet():
        quantized = nncf.quantize(
            model,
            nncf.Dataset(images),
            subset_size=len(images),
            ignored_scope=nncf.IgnoredScope(names=_tail(model), validate=False),
        )
    partial = file.with_name(f'int8-{file.name}')
    openvino.save_model(quantized, str(partial), compress_to_fp16=False)
    for suffix in ('.bin', SUFFIX):
        os.replace(partial.with_suffix(suffix), file.with_suffix(suffix))


def _tail(model):
    """Name the operations whose outputs no layer with weights uses."""
    used, tail = set(), []
    for operation in reversed(model.get_ordered_ops()):
        name = operation.get_friendly_name()
        if operation.get_type_name() in _WEIGHTED or name in used:
            used.update(
                i.get_source_output().get_node().get_friendly_name() for i in operation.inputs()
            )
        else:
            tail.append(name)
    return tail


class Exported:
    """An OpenVINO file on the CPU, in single precision and for the least latency."""

    def __init__(self, file, threads=None):
        import openvino

        core = openvino.Core()
        model = core.read_model(file)
        config = dict(INFERENCE_PRECISION_HINT='f32', PERFORMANCE_HINT='LATENCY')
        if threads is not None:
            config['INFERENCE_NUM_THREADS'] = threads
        self.compiled = core.compile_model(model, 'CPU', config)
        shape = model.inputs[0].partial_shape
        self.input_shape = tuple(None if dim.is_dynamic else dim.get_length() for dim in shape)
        self.output_names = [output.get_any_name() for output in model.outputs]
        found = model.has_rt_info([KEY])
        self.metadata = json.loads(model.get_rt_info([KEY]).astype(str)) if found else {}

    def __call__(self, image):
        # Shared outputs are overwritten by the next call; unshared ones would be copied twice
        found = self.compiled(np.ascontiguousarray(image), share_inputs=True, share_outputs=True)
        return [found[output].copy() for output in self.compiled.outputs]
