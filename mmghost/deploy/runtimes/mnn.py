"""MNN's files, made of ONNX's."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from .common import KEY, quiet, require
from .onnx_runtime import to_onnx
from .upsampling import Upsampling

SUFFIX = '.mnn'
TARGET = 'torch'
#: What MNN's files have no place for: our metadata, the input's shape and the outputs' names
BESIDE = ('.json',)
DYNAMIC = ()
COMPARED = True


def require_packages(to_export=True):
    require('mnn', 'MNN', *(('onnx', 'onnxscript') if to_export else ()))


def write(module, example, file, dynamic, text, output_names):
    # The converter itself: MNN's command tells its makers of every conversion, and installs what
    # it does that with
    from _tools import mnnconvert

    with Upsampling():
        model = to_onnx(module, example, dynamic, text, output_names)
    with TemporaryDirectory() as folder, quiet():
        source = Path(folder, 'model.onnx')
        source.write_bytes(model.SerializeToString())
        mnnconvert(['', '-f', 'ONNX', '--modelFile', str(source), '--MNNModel', str(file)])
    if not file.is_file():
        raise ValueError('MNN cannot convert the model.')
    about = dict(
        input_shape=list(example.shape),
        outputs=[output.name for output in model.graph.output],
    )
    about[KEY] = json.loads(text)
    file.with_suffix('.json').write_text(json.dumps(about))


class Exported:
    """An MNN file on the CPU, in single precision."""

    def __init__(self, file, threads=None):
        import MNN

        about = json.loads(file.with_suffix('.json').read_text())
        self.input_shape = tuple(about['input_shape'])
        self.output_names = about['outputs']
        self.metadata = about[KEY]
        options = dict(backend='CPU', precision='high')
        if threads is not None:
            options['numThread'] = threads
        with quiet():
            self.runtime = MNN.nn.create_runtime_manager((options,))
            self.module = MNN.nn.load_module_from_file(
                str(file), ['image'], self.output_names, runtime_manager=self.runtime
            )

    def __call__(self, image):
        from MNN import expr

        given = expr.const(np.ascontiguousarray(image), list(image.shape), expr.NCHW)
        found = self.module.forward([given])
        return [np.array(expr.convert(one, expr.NCHW).read()) for one in found]
