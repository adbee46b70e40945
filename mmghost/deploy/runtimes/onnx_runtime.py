"""ONNX files and ONNX Runtime."""

import json

import numpy as np
import torch

from .bicubic_products import BicubicProducts
from .packages import require
from .quiet import quiet
from .trace import trace

SUFFIX = '.onnx'
BESIDE = ()
DYNAMIC = ('batch', 'size')
AXIS_NAMES = {0: 'batch', 2: 'height', 3: 'width'}
KEY = 'mmghost'


def require_packages(to_export=True):
    require('onnx', 'onnxruntime', *(('onnx', 'onnxscript') if to_export else ()))


def to_onnx(module, example, dynamic, text, output_names):
    """Translate a module; see :func:`mmghost.deploy.runtimes.export_module`.

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
            output_names=output_names or [f'output_{index}' for index in range(count)],
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
    from .onnx_order import compute_maps_in_order

    with BicubicProducts():
        model = to_onnx(module, example, dynamic, text, output_names)
    compute_maps_in_order(model)
    file.write_bytes(model.SerializeToString())


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
