"""Where the operators of a recorded run write: in place, or to memory that XNNPACK reads."""

import torch

#: Operators that can overwrite their first argument
IN_PLACE = {
    'aten::add': torch.ops.aten.add_,
    'aten::mul': torch.ops.aten.mul_,
    'aten::sigmoid': torch.ops.aten.sigmoid_,
    'aten::hardsigmoid': torch.ops.aten.hardsigmoid_,
}
#: Operators that can write to given memory and make what convolutions read
WRITERS = ('aten::cat', 'aten::add', 'aten::avg_pool2d')
CONVOLUTION = 'prepacked::conv2d_clamp_run'


def write_in_place(graph, kinds, makers):
    """Let operators overwrite what nothing reads after them.

    Args:
        graph (fx.Graph): Operators in the order in which they run, and an output.
        kinds (dict[Node, tuple]): The shape, strides and type of what each makes.
        makers (dict[Node, Node]): The operator that made the memory of what each gives; it is
            brought up to date.
    """
    last_readers = _last_readers(graph, makers)
    for node in graph.nodes:
        if _name(node) not in IN_PLACE:
            continue
        overwritten = node.args[0]
        maker = makers.get(overwritten)
        others = [source for source in node.all_input_nodes if source is not overwritten]
        if (
            maker not in kinds  # the image and weights are not
            or last_readers[maker] is not node
            or not kinds[maker] == kinds[overwritten] == kinds[node]
            or any(makers.get(source) is maker for source in others)
        ):
            continue
        node.target = IN_PLACE[_name(node)]
        last_readers[maker] = last_readers[node]
        for other, made_by in makers.items():
            if made_by is node:
                makers[other] = maker


def write_to_buffers(graph, kinds, makers):
    """Let operators write to buffers what XNNPACK reads, which would copy it to memory of its own.

    A buffer serves again once nothing reads what is in it. What the graph puts out is in none.

    Args:
        graph, kinds, makers: As above.

    Returns:
        dict[str, Tensor]: The buffers, as the graph names them.
    """
    last_readers = _last_readers(graph, makers)
    read = {
        makers.get(source, source)
        for node in graph.nodes
        if _name(node) == CONVOLUTION
        for source in node.all_input_nodes
    }
    buffers, taken, free = {}, {}, []
    for node in list(graph.nodes):
        if _name(node) in WRITERS and node in read and last_readers[node].op != 'output':
            shape = kinds[node][0]
            place = next((place for place in free if buffers[place].shape == shape), None)
            if place is None:
                place = graph.placeholder(f'buffer{len(buffers)}')
                buffers[place] = _allocate(shape)
            else:
                free.remove(place)
            node.kwargs = dict(node.kwargs, out=place)
            taken.setdefault(last_readers[node], []).append(place)
        free += taken.pop(node, [])
    return {place.name: buffer for place, buffer in buffers.items()}


def _name(node):
    return getattr(node.target, '_qualified_op_name', None)


def _last_readers(graph, makers):
    return {
        makers.get(source, source): node for node in graph.nodes for source in node.all_input_nodes
    }


def _allocate(shape):
    """Make a tensor in memory of XNNPACK's, which only its operators give."""
    batch, channels, height, width = shape
    # Outside of inference mode, as later runs may be
    with torch.inference_mode(False), torch.no_grad():
        image = torch.zeros(batch, 1, height, width).to(memory_format=torch.channels_last)
        settings = [1, 1], [0, 0], [1, 1], 1, None, None
        ones = torch.ones(channels, 1, 1, 1)
        packed = torch.ops.prepacked.conv2d_clamp_prepack(ones, None, *settings)
        return torch.ops.prepacked.conv2d_clamp_run(image, packed)
