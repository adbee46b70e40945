"""A network's run, recorded as a TorchScript program: the same operators, without Python."""

import threading
from operator import getitem

import torch
from torch import fx
from torch.utils.weak import WeakTensorKeyDictionary

from .buffers import write_in_place, write_to_buffers
from .inference_conv import RecordingMode


class NotRecordable(Exception):
    """A run depends on more than the shape of its input and on a network's weights."""


class Recording:
    """A network's run on inputs of one shape, to be repeated.

    Args:
        run (Callable): The network, from a tensor to a tuple of tensors.
        image (Tensor): An input that it has been run on before, so that weights are packed.
        weights (Iterable[Tensor]): What it may use beside its input and packed weights.

    Raises:
        NotRecordable: If the run looks at a value, uses a tensor of unknown origin, does what
            TorchScript cannot, or gives something else when it is repeated.
    """

    def __init__(self, run, image, weights):
        recorder = _Recorder(image, weights)
        with recorder:
            outs = run(image)
        recorder.graph.output(tuple(map(recorder.node, outs)))
        written = recorder.graph, recorder.kinds, recorder.makers
        write_in_place(*written)
        constants = {**recorder.constants, **write_to_buffers(*written)}
        self._program = _compile(recorder.graph, constants)
        self._constants = tuple(constants.values())
        self._lock = threading.Lock()
        self._run = run
        #: int: In the input.
        self.numbers = image.numel()
        self._check(image, outs)

    def _check(self, image, expected):
        try:
            for _ in range(2):  # in which TorchScript makes its plans
                found = self._program(image, *self._constants)
        except RuntimeError as error:
            raise NotRecordable(str(error)) from error
        exactly = dict(rtol=0, atol=0, equal_nan=True)
        if not all(torch.allclose(*both, **exactly) for both in zip(found, expected)):
            raise NotRecordable('the recording gives something else.')

    def __call__(self, image):
        if not self._lock.acquire(blocking=False):  # the buffers are one run's at a time
            return self._run(image)
        try:
            return self._program(image, *self._constants)
        finally:
            self._lock.release()


def _compile(graph, constants):
    """Make a function of the image and constants.

    It is in a unit of its own, as the one that :func:`torch.jit.script` adds to never shrinks.
    """
    arguments, names = [], dict(torch=torch)
    for name, value in constants.items():
        if isinstance(value, torch.ScriptObject):  # weights packed by XNNPACK, where PyTorch has it
            names['Packed'] = torch.classes.xnnpack.Conv2dOpContext
            name = f'{name}: Packed'
        arguments.append(name)
    lines = [f'def run({", ".join(["image", *arguments])}):']
    for node in graph.nodes:
        if node.op == 'call_function':
            lines.append(f'    {node.name} = {_expression(node)}')
        elif node.op == 'output':
            lines.append(f'    return {node.args[0]!r}')
    unit = torch.jit.CompilationUnit()
    try:
        unit.define('\n'.join([*lines, '']), names.get)
    except RuntimeError as error:
        raise NotRecordable(str(error)) from error
    return unit.run


def _expression(node):
    if node.target is getitem:
        return '{!r}[{!r}]'.format(*node.args)
    name = node.target._qualified_op_name.replace('::', '.')
    arguments = [*map(repr, node.args), *(f'{key}={arg!r}' for key, arg in node.kwargs.items())]
    return f'torch.ops.{name}({", ".join(arguments)})'


class _Recorder(RecordingMode):
    """Writes down operators as they run.

    Attributes:
        graph (fx.Graph): The operators.
        constants (dict): The tensors and packed weights that they take, by name.
        kinds (dict): The shape, strides and type of what each node of the graph makes.
        makers (dict): The node that made the memory in which a node's tensor is.
    """

    def __init__(self, image, weights):
        super().__init__()
        self.graph = fx.Graph()
        self.constants = {}
        self.kinds = {}
        self.makers = {}
        self._weights = {id(weight) for weight in weights}
        self._tensors = WeakTensorKeyDictionary()
        self._tensors[image] = self.graph.placeholder('image')

    def node(self, tensor):
        """Give the node of a tensor that was made or is a weight."""
        if tensor not in self._tensors:
            if not (tensor.is_mkldnn or id(tensor) in self._weights):
                raise NotRecordable('a tensor comes from elsewhere than operators.')
            self._tensors[tensor] = self._constant(tensor)
        return self._tensors[tensor]

    def _constant(self, value):
        name = f'constant{len(self.constants)}'
        self.constants[name] = value
        return self.graph.placeholder(name)

    def _argument(self, value):
        if isinstance(value, torch.Tensor):
            return self.node(value)
        if isinstance(value, torch.ScriptObject):
            return self._constant(value)
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        return value

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        inputs = [self._argument(value) for value in args]
        options = {name: self._argument(value) for name, value in kwargs.items()}
        out = func(*args, **kwargs)
        outs = out if isinstance(out, (tuple, list)) else [out]
        if not all(isinstance(value, torch.Tensor) for value in outs):
            raise NotRecordable(f'{func} does not give tensors only.')
        node = self.graph.call_function(func.overloadpacket, tuple(inputs), options)
        nodes = [node]
        if outs is out:
            nodes = [self.graph.call_function(getitem, (node, i)) for i in range(len(outs))]
        for value, node in zip(outs, nodes):
            self.kinds[node] = _kind(value)
            self.makers[node] = self._maker(func._schema, inputs, value, node)
            self._tensors[value] = node
        return out

    def _maker(self, schema, inputs, out, node):
        shared = [value for argument, value in zip(schema.arguments, inputs) if argument.alias_info]
        if shared:
            return self.makers.get(shared[0], shared[0])
        if any(value.alias_info for value in schema.returns):
            raise NotRecordable(f'{schema.name} writes to a tensor that it is given.')
        if out in self._tensors:
            return self.makers.get(self._tensors[out], self._tensors[out])
        return node


def _kind(tensor):
    shape = tuple(tensor.shape)
    if tensor.is_mkldnn:
        return shape, None, tensor.dtype
    # Where there is but one row, its stride says nothing
    strides = tuple(stride for size, stride in zip(shape, tensor.stride()) if size > 1)
    return shape, strides, tensor.dtype
