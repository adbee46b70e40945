"""TensorFlow Lite's files and LiteRT."""

import json
import re

import numpy as np

from .common import KEY, quiet, require
from .upsampling import Upsampling

SUFFIX = '.tflite'
TARGET = 'litert'
BESIDE = ()
DYNAMIC = ()
COMPARED = True
QUANTIZERS = ()
_WEIGHTED = ('CONV_2D', 'DEPTHWISE_CONV_2D', 'FULLY_CONNECTED', 'TRANSPOSE_CONV', 'BATCH_MATMUL')


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


def quantize(file, images):
    """Let the network of a TensorFlow Lite file compute in 8-bit integers, in place.

    What comes after the last layer with weights stays in single precision, as do the input and the
    outputs.

    Args:
        file (Path): The file.
        images (Iterable[Tensor]): Inputs that show which values there are.
    """
    from ai_edge_litert.schema_py_generated import ModelT
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import Quantizer

    content = file.read_bytes()
    model = ModelT.InitFromPackedBuf(content)
    everything = TFLOperationName.ALL_SUPPORTED
    tail = f'^({"|".join(map(re.escape, _tail(model)))});?$'
    excluded = [('.*', TFLOperationName.INPUT), ('.*', TFLOperationName.OUTPUT), (tail, everything)]
    with quiet():
        quantizer = Quantizer(content)
        quantizer.add_static_config('.*', everything, activation_num_bits=8, weight_num_bits=8)
        for scope, operation in excluded:
            quantizer.update_quantization_recipe(
                scope, operation, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
        key = model.signatureDefs[0].signatureKey.decode()
        found = quantizer.calibrate({key: [{'image': image.numpy()} for image in images]})
        for tensor in found.values():
            # What is always zero has no range, and XNNPACK no layer for such a scale
            if tensor and not np.any(tensor['min']) and not np.any(tensor['max']):
                tensor['max'] = np.ones_like(tensor['max'])
        quantized = quantizer.quantize(found).quantized_model
    file.write_bytes(quantized)


def _tail(model):
    """Name the tensors that no layer with weights uses, and that are made of such."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    weighted = [getattr(BuiltinOperator, name) for name in _WEIGHTED]
    (graph,) = model.subgraphs
    used, tail = set(), []
    for operation in reversed(graph.operators):
        kind = model.operatorCodes[operation.opcodeIndex].builtinCode
        if kind in weighted or used.intersection(operation.outputs):
            used.update(operation.inputs)
        else:
            tail += [graph.tensors[index].name.decode() for index in operation.outputs]
    return tail


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
