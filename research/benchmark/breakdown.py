"""Where the time of a form goes: its operators, as its runtime's own profiler tells."""

import json
import os
from collections import Counter
from pathlib import Path

from torch.profiler import profile

RUNS = 10


def break_down(form, run, file, image, threads):
    """List the operators of a form, not of litert, whose Python interface times none.

    PyTorch's forms are run by ``run``, other runtimes' exported files on the image.

    Returns:
        list[tuple[str, float, float]]: Name, calls and milliseconds in a run, the mean of ten; the
        longest first. On a GPU the milliseconds are the GPU's.
    """
    if form == 'onnxruntime':
        timed = _onnxruntime(file, image.numpy(), threads)
    elif form == 'openvino':
        timed = _openvino(file, image.numpy(), threads)
    else:
        timed = _torch(run, 'device' if image.is_cuda else 'cpu')
    calls, times = Counter(), Counter()
    for name, count, milliseconds in timed:
        calls[name] += count
        times[name] += milliseconds
    return [(name, calls[name] / RUNS, total / RUNS) for name, total in times.most_common()]


def _torch(run, place):
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')  # it reports its own start and stop as errors
    with profile(acc_events=True) as record:
        for _ in range(RUNS):
            run()
    for event in record.key_averages():
        if (own := getattr(event, f'self_{place}_time_total')) > 0:
            yield event.key, event.count, own / 1e3


def _onnxruntime(file, image, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    options.enable_profiling, options.profile_file_prefix = True, str(file.with_suffix(''))
    session = onnxruntime.InferenceSession(str(file), options, ['CPUExecutionProvider'])
    for _ in range(RUNS):
        session.run(None, {session.get_inputs()[0].name: image})
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event.get('cat') == 'Node' and event['name'].endswith('_kernel_time'):
            yield event['args']['op_name'], 1, event['dur'] / 1e3


def _openvino(file, image, threads):
    import openvino

    config = dict(PERF_COUNT=True, INFERENCE_NUM_THREADS=threads, INFERENCE_PRECISION_HINT='f32')
    request = openvino.Core().compile_model(str(file), 'CPU', config).create_infer_request()
    for _ in range(RUNS):
        request.infer([image])
        for node in request.profiling_info:
            if node.status == node.Status.EXECUTED:
                yield node.node_type, 1, node.real_time.total_seconds() * 1e3
