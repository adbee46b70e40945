"""Where the time goes: a form's operators, as its runtime's own profiler tells."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .profiling import quiet_profile

RUNS = 10


class Operator(NamedTuple):
    """Calls of an operator and their milliseconds in one run, None where nobody tells."""

    name: str
    calls: float
    ms: float | None


def break_down(form, ready, device, threads):
    """List a form's operators.

    Args:
        form (str): One of :data:`mmghost.benchmark.forms.FORMS`.
        ready (Ready): The network in that form.
        device (torch.device): Where it runs.
        threads (int): Threads of a runtime other than PyTorch.

    Returns:
        list[Operator]: Means of several runs, the longest first. LiteRT's Python interface times
        no operators: they are only counted, as the file has them, the most frequent first.
    """
    by_runtime = dict(onnxruntime=_onnxruntime, openvino=_openvino)
    if form == 'litert':
        return _litert(ready.file)
    if form in by_runtime:
        timed = by_runtime[form](ready.file, ready.image, threads)
    else:
        timed = _torch(ready.run, device)
    calls, times = Counter(), Counter()
    for name, count, ms in timed:
        calls[name] += count
        times[name] += ms
    return [Operator(name, calls[name] / RUNS, ms / RUNS) for name, ms in times.most_common()]


def break_down_step(step, device):
    """List a training step's operators.

    Args:
        step (TrainingStep): The step.
        device (torch.device): Where it runs.

    Returns:
        list[Operator]: Means of several steps, the longest first.
    """
    times = sorted(_torch(step, device), key=lambda operator: -operator[2])
    return [Operator(name, calls / RUNS, ms / RUNS) for name, calls, ms in times]


def _torch(run, device):
    with quiet_profile(device) as record:
        for _ in range(RUNS):
            run()
    for event in record.key_averages():
        own = event.self_device_time_total if device.type == 'cuda' else event.self_cpu_time_total
        if own > 0:
            yield event.key, event.count, own / 1e3


def _onnxruntime(file, image, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_profiling = True
    options.profile_file_prefix = str(file.with_suffix(''))
    session = onnxruntime.InferenceSession(str(file), options, ['CPUExecutionProvider'])
    for _ in range(RUNS):
        session.run(None, {session.get_inputs()[0].name: image})
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time'):
            yield event['args']['op_name'], 1, event['dur'] / 1e3


def _openvino(file, image, threads):
    import openvino

    config = dict(
        PERF_COUNT=True,
        INFERENCE_NUM_THREADS=threads,
        INFERENCE_PRECISION_HINT='f32',
        PERFORMANCE_HINT='LATENCY',
    )
    request = openvino.Core().compile_model(str(file), 'CPU', config).create_infer_request()
    for _ in range(RUNS):
        request.infer([image])
        for node in request.profiling_info:
            if node.status == node.Status.EXECUTED:
                yield node.node_type, 1, node.real_time.total_seconds() * 1e3


def _litert(file):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # As in the file: with XNNPACK, all that it takes over would be one operator
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(str(file), experimental_op_resolver_type=plain)
    names = Counter(operator['op_name'] for operator in interpreter._get_ops_details())
    return [Operator(name, count, None) for name, count in names.most_common()]
