"""Core ML's packages, which are written on any system and run on Apple's only."""

import json
import sys

import numpy as np
import torch

from .common import KEY, quiet, require, trace

SUFFIX = '.mlpackage'
TARGET = 'torch'
BESIDE = ()
DYNAMIC = ()
COMPARED = False


def require_packages(to_export=True):
    require('coreml', 'coremltools')


def write(module, example, file, dynamic, text, output_names):
    import coremltools

    with quiet():
        program = trace(module, example).run_decompositions({})
        graph = program.graph
        for node in graph.find_nodes(op='call_function', target=torch.ops.aten.alias.default):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        count = len(program.graph_signature.user_outputs)
        names = output_names or [f'output_{index}' for index in range(count)]
        model = coremltools.convert(
            program,
            inputs=[coremltools.TensorType('image')],
            outputs=[coremltools.TensorType(name) for name in names[:count]],
            # Half precision: the Neural Engine knows no other
            compute_precision=coremltools.precision.FLOAT16,
            minimum_deployment_target=coremltools.target.iOS16,
            skip_model_load=True,
        )
        model.user_defined_metadata[KEY] = text
        model.save(file)
    with torch.no_grad():
        expected = [tuple(output.shape) for output in module(example)]
    found = [_shape(output) for output in model.get_spec().description.output]
    if found != expected:
        raise ValueError(f'the outputs of the package have shapes {found}, not {expected}.')


def _shape(feature):
    return tuple(feature.type.multiArrayType.shape)


class Exported:
    """A Core ML package, one image at a time; elsewhere than on Apple's systems a description."""

    def __init__(self, file, threads=None):
        import coremltools

        with quiet():
            self.model = coremltools.models.MLModel(
                str(file), skip_model_load=sys.platform != 'darwin'
            )
        description = self.model.get_spec().description
        self.input_shape = _shape(description.input[0])
        self.output_names = [output.name for output in description.output]
        self.metadata = json.loads(self.model.user_defined_metadata[KEY])

    def __call__(self, image):
        if sys.platform != 'darwin':
            raise OSError("Core ML's packages run on Apple's systems only.")
        found = self.model.predict(dict(image=np.ascontiguousarray(image)))
        return [found[name] for name in self.output_names]
