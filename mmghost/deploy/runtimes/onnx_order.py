"""The order in which ONNX Runtime computes the outputs of a file."""

import numpy as np
from onnx import helper, numpy_helper


def compute_maps_in_order(model):
    """Have a network's maps computed in their order, each put out while it is in the caches.

    ONNX Runtime begins with what the last node of a file needs that no other node follows; a
    reordering to NCHW that it appends comes after them all. So what makes an output goes to the
    end, the last output first. One that is no node of its own becomes a reshape to its own shape.

    Args:
        model (onnx.ModelProto): The model, changed in place. Outputs other than maps, which have
            four dimensions, stay as they are.
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
    graph.initializer.append(numpy_helper.from_array(np.zeros(4, np.int64), shape))
    return helper.make_node('Reshape', [raw, shape], [name], name=f'{name}_reshape')
