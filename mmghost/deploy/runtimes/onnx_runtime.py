"""ONNX files and ONNX Runtime."""

import json
import os

import numpy as np
import torch

from .common import KEY, quiet, require, trace
from .upsampling import Upsampling

SUFFIX = '.onnx'
TARGET = 'onnxruntime'
BESIDE = ()
DYNAMIC = ('batch', 'size')
COMPARED = True
QUANTIZERS = ()
AXIS_NAMES = {0: 'batch', 2: 'height', 3: 'width'}
_WEIGHTED = ('Conv', 'Gemm', 'MatMul')


def require_packages(to_export=True):
    require('onnx', 'onnxruntime', *(('onnx', 'onnxscript') if to_export else ()))


def to_onnx(module, example, dynamic, text, output_names):
    """Translate a module; see :func:`.formats.export_module`.

    Returns:
        onnx.ModelProto: The model, ``text`` in its metadata.
    """
    program = trace(module, example, dynamic)
    count = len(program.graph_signature.user_outputs)
    with quiet():
        translated = torch.onnx.export(
            program,
            dynamo=True,
            input_names=['image'],
            output_names=(output_names or [f'output_{index}' for index in range(count)])[:count],
            verbose=False,
        )
    model = translated.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, text
    image = model.graph.input[0].type.tensor_type.shape.dim
    renamed = {dim.dim_param: AXIS_NAMES[axis] for axis, dim in enumerate(image) if dim.dim_param}
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in renamed:
                dim.dim_param = renamed[dim.dim_param]
    return model


def write(module, example, file, dynamic, text, output_names):
    with Upsampling():
        model = to_onnx(module, example, dynamic, text, output_names)
    _compute_maps_in_order(model)
    file.write_bytes(model.SerializeToString())


def _compute_maps_in_order(model):
    """Have a network's maps computed in their order, each put out while it is in the caches.

    ONNX Runtime begins with what the last node of a file needs that no other node follows; a
    reordering to NCHW that it appends comes after them all. So what makes an output goes to the
    end, the last output first. One that is no node of its own becomes a reshape to its own shape;
    outputs that are no maps stay.
    """
    graph = model.graph
    outputs = [value for value in graph.output if len(value.type.tensor_type.shape.dim) == 4]
    consumed = {name for node in graph.node for name in node.input}
    makers = {name: node for node in graph.node for name in node.output}
    for value in reversed(outputs[1:]):
        node = makers.get(value.name)
        if node is None:  # a constant
            continue
        if node.op_type == 'Gather' and value.name not in consumed:
            graph.node.remove(node)
        else:
            node = _reshape_to_itself(graph, value.name)
        graph.node.append(node)


def _reshape_to_itself(graph, name):
    raw, shape = f'{name}_computed', f'{name}_shape'
    for node in graph.node:
        for names in (node.input, node.output):
            for index, other in enumerate(names):
                if other == name:
                    names[index] = raw
    from onnx import helper, numpy_helper

    graph.initializer.append(numpy_helper.from_array(np.zeros(4, np.int64), shape))
    return helper.make_node('Reshape', [raw, shape], [name], name=f'{name}_reshape')


def quantize(file, images):
    """Let the network of an ONNX file compute in 8-bit integers, in place.

    Last convolutions, whose outputs are the predictions, and what comes after, such as decoding and
    non-maximum suppression, stay in single precision.

    Args:
        file (Path): The file.
        images (Iterable[Tensor]): Inputs that show which values there are.
    """
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.images = iter(images)

        def get_next(self):
            image = next(self.images, None)
            return None if image is None else {'image': image.numpy()}

    partial = file.with_name(f'int8-{file.name}')
    with quiet():
        quantization.quantize_static(
            file,
            partial,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=_tail(onnx.load(file).graph),
        )
    os.replace(partial, file)


def _tail(graph):
    """Name the convolutions that no layer with weights follows, and all that comes after."""
    used, tail = set(), []
    for node in reversed(graph.node):
        followed = used.intersection(node.output)
        if not followed and (node.op_type == 'Conv' or node.op_type not in _WEIGHTED):
            tail.append(node.name)
        if followed or node.op_type in _WEIGHTED:
            used.update(node.input)
    return tail


class Exported:
    """An ONNX file in ONNX Runtime, on the CPU."""

    def __init__(self, file, threads=None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(file), options, providers=['CPUExecutionProvider']
        )
        image = self.session.get_inputs()[0]
        self.input_name = image.name
        self.input_shape = tuple(size if isinstance(size, int) else None for size in image.shape)
        self.output_names = [output.name for output in self.session.get_outputs()]
        properties = self.session.get_modelmeta().custom_metadata_map
        self.metadata = json.loads(properties.get(KEY, '{}'))

    def __call__(self, image):
        return self.session.run(None, {self.input_name: np.ascontiguousarray(image)})
