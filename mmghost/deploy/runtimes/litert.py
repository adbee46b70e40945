"""TensorFlow Lite's files and LiteRT."""

import json

import numpy as np

from .common import KEY, quiet, require
from .upsampling import Upsampling

SUFFIX = '.tflite'
TARGET = 'litert'
BESIDE = ()
DYNAMIC = ()
COMPARED = True


def require_packages(to_export=True):
    require('litert', 'ai_edge_litert', *(('litert_torch',) if to_export else ()))


def write(module, example, file, dynamic, text, output_names):
    with quiet(), Upsampling(nearest=True):
        import litert_torch

        content = litert_torch.convert(module, (example,)).model_content()
    file.write_bytes(_annotate(content, text, output_names))


def _annotate(content, text, output_names):
    """Put ``text`` into the metadata of a file's content and name what its signature takes."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content)
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry.name, entry.buffer = KEY.encode(), len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    (signature,) = model.signatureDefs
    signature.inputs[0].name = b'image'
    for output in signature.outputs:
        if output_names is not None:
            output.name = output_names[int(output.name.rsplit(b'_', 1)[1])].encode()
    builder = flatbuffers.Builder(len(content) + len(text))
    builder.Finish(model.Pack(builder), b'TFL3')
    return bytes(builder.Output())


def _read(content):
    """Return the metadata of a file's content, and the names of its outputs in order."""
    from ai_edge_litert.schema_py_generated import Model

    model = Model.GetRootAs(content)
    texts = {
        model.Metadata(index).Name(): model.Buffers(model.Metadata(index).Buffer())
        for index in range(model.MetadataLength())
    }
    found = texts.get(KEY.encode())
    metadata = json.loads(found.DataAsNumpy().tobytes()) if found else {}
    signature = model.SignatureDefs(0)
    names = [signature.Outputs(index).Name().decode() for index in range(signature.OutputsLength())]
    return metadata, names


class Exported:
    """A TensorFlow Lite file in LiteRT's interpreter, on the CPU."""

    def __init__(self, file, threads=None):
        from ai_edge_litert.interpreter import Interpreter

        content = file.read_bytes()
        with quiet():
            self.interpreter = Interpreter(model_content=content, num_threads=threads)
            self.interpreter.allocate_tensors()
            self.run = self.interpreter.get_signature_runner()
        (image,) = self.run.get_input_details().values()
        self.input_shape = tuple(map(int, image['shape']))
        self.metadata, self.output_names = _read(content)

    def __call__(self, image):
        found = self.run(image=np.ascontiguousarray(image))
        return [found[name] for name in self.output_names]
