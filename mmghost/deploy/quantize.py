"""ONNX files in 8-bit integers."""

import os

from .runtimes.packages import require
from .runtimes.quiet import quiet

WEIGHTED = ('Conv', 'Gemm', 'MatMul')


def quantize_static(file, images):
    """Let the network of an ONNX file compute in 8-bit integers, in place.

    What comes after the last layer with weights, such as decoding and non-maximum suppression,
    stays in single precision.

    Args:
        file (Path): The file.
        images (Iterable[Tensor]): Inputs that show which values there are.
    """
    require('onnx', 'onnx', 'onnxruntime')
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
    """Name the nodes whose outputs no layer with weights uses."""
    used, tail = set(), []
    for node in reversed(graph.node):
        if node.op_type in WEIGHTED or used.intersection(node.output):
            used.update(node.input)
        else:
            tail.append(node.name)
    return tail
