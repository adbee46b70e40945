"""OpenVINO's files."""

import json

import numpy as np

from .onnx_runtime import to_onnx
from .openvino_layout import keep_in_blocks, weights_in_blocks
from .packages import require

SUFFIX = '.xml'
BESIDE = ('.bin',)
DYNAMIC = ('batch', 'size')
KEY = 'mmghost'


def require_packages(to_export=True):
    require('openvino', 'openvino', *(('onnx', 'onnxscript') if to_export else ()))


def write(module, example, file, dynamic, text, output_names):
    import openvino

    # Its own frontend for torch has no rule for non-maximum suppression
    content = to_onnx(module, example, dynamic, text, output_names).SerializeToString()
    model = openvino.Core().read_model(content)
    model.set_rt_info(text, KEY)
    openvino.save_model(model, str(file), compress_to_fp16=False)
    weights = weights_in_blocks(module)
    if weights and not dynamic:
        keep_in_blocks(file, weights)


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
