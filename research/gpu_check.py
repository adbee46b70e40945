"""See GhostNets on a GPU: correctness, speed against timm's, and a training on photographs.

The machine needs torch, torchvision and timm; mmengine, mmcv-lite, addict, yapf, termcolor and
platformdirs can be taken along as wheels. From the repository's root:

    python research/gpu_check.py pack imagenette.zip imagenette.npz   # where the photographs are
    python research/gpu_check.py reference reference.pth
    python research/gpu_check.py run OUT --seconds 480 --reference reference.pth \\
        --imagenette imagenette.npz

Parts run in the order of their worth, and OUT/results.json is written anew after each step, so
that a run that is cut off loses nothing. ``--device cpu --quick`` rehearses all of it.
"""

import argparse
import copy
import functools
import io
import json
import logging
import multiprocessing
import os
import statistics
import sys
import time
import traceback
import zipfile
from contextlib import nullcontext
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

#: The largest error ``|found - expected| / |expected|`` (2-norms) that passes: of the outputs, and
#: of the gradients of networks with SiLU. Where there are ReLUs, inputs that round to the other
#: side of zero turn gradients on or off, so that gradients in half precision say little.
TOLERANCES = {'float32': (1e-4, 1e-3), 'float16': (2e-2, 5e-2), 'bfloat16': (1e-1, 3e-1)}
OURS = {'mmghost': None, 'mmghost.fusible': dict(type='mmghost.FusibleConv2d')}  # conv_cfg
TIMM = {
    'timm.ghostnetv2': 'ghostnetv2_100',
    'timm.mobilenetv2': 'mobilenetv2_100',
    'timm.mobilenetv4': 'mobilenetv4_conv_small',
}
MODELS = (*OURS, *TIMM)
#: The loss's factor in float16, so that no gradient of a GhostNetV3 overflows
LOSS_SCALE = 2**-6


class Results:
    """What was found, on the disk after every step, and the time that is left."""

    def __init__(self, folder, seconds):
        self.file = Path(folder) / 'results.json'
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        self.total = seconds
        self.ends = self.started + seconds
        self.content = {}

    @property
    def left(self):
        """float: Seconds that are left."""
        return self.ends - time.monotonic()

    @property
    def seconds(self):
        """float: Seconds since the start."""
        return time.monotonic() - self.started

    def add(self, part, row):
        self.content.setdefault(part, []).append(row)
        self.write()
        print(f'{self.seconds:6.1f} s  {part}: {json.dumps(row)}', flush=True)

    def write(self):
        partial = self.file.with_suffix('.partial')
        partial.write_text(json.dumps(self.content, indent=1) + '\n')
        os.replace(partial, self.file)

    def step(self, part, function, *args):
        """Do a step, and record its error where it fails."""
        try:
            function(*args)
        except Exception as error:
            lines = traceback.format_exc().splitlines()
            self.add(part, dict(step=function.__name__, error=repr(error)[:400], at=lines[-6:]))


def environment(device):
    import mmcv
    import mmengine
    import timm

    found = dict(
        python=sys.version.split()[0],
        torch=torch.__version__,
        timm=timm.__version__,
        mmengine=mmengine.__version__,
        mmcv=mmcv.__version__,
        device=device,
        cores=os.cpu_count(),
    )
    if device == 'cuda':
        found.update(
            device=torch.cuda.get_device_name(),
            cuda=torch.version.cuda,
            cudnn=torch.backends.cudnn.version(),
        )
    return found


# --------------------------------------------------------------------------------- correctness


def relative(found, expected):
    """Give the error over all tensors together, in parts of the expected norm."""
    pairs = [
        (a.detach().double().cpu(), b.detach().double().cpu()) for a, b in zip(found, expected)
    ]
    square = sum((a - b).square().sum() for a, b in pairs) / sum(b.square().sum() for _, b in pairs)
    return square.sqrt().item()


def build(kind, act='ReLU', output_stride=32, state=None, **kwargs):
    """Build a small network in double precision.

    Its statistics are those of its own features, so that it amplifies no rounding, or all of it is
    that of ``state``.
    """
    from mmghost import backbones

    torch.manual_seed(0)
    network = getattr(backbones, kind)(
        0.25,
        out_indices=(0, 1, 2, 3, 4, 5),
        output_stride=output_stride,
        act_cfg=dict(type=act),
        **kwargs,
    ).double()
    if state is not None:
        network.load_state_dict(state)
        return network.eval()
    network.init_weights()
    norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    network.train()
    with torch.no_grad():
        network(torch.randn(8, 3, 97, 97, dtype=torch.double))
    for norm in norms:
        norm.momentum = 0.1
        nn.init.uniform_(norm.weight, 0.8, 1.2)
        nn.init.normal_(norm.bias, std=0.1)
    for value in network.state_dict().values():
        value.copy_(value.float())  # as it is stored
    return network.eval()


def inputs_of(network, size, device='cpu'):
    """Give an image and what the outputs are weighted with in the loss."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, *size, generator=generator, dtype=torch.double).to(device)
    with torch.no_grad():
        shapes = [out.shape for out in network(x)]
    weights = [torch.randn(shape, generator=generator, dtype=torch.double) for shape in shapes]
    return x, [weight.to(device) for weight in weights]


def forward_backward(network, x, weights, context=None):
    network.zero_grad()
    with context or nullcontext():
        outs = network(x)
        loss = sum((out.to(weight.dtype) * weight).sum() for out, weight in zip(outs, weights))
    loss.backward()
    outs = [out.detach() for out in outs]
    return outs, [parameter.grad.clone() for parameter in network.parameters()]


def digest(gradients):
    """Shorten every gradient to its norm and its projection on a wave."""
    return torch.stack(
        [
            torch.stack((grad.norm(), (grad.flatten() * torch.arange(grad.numel()).cos()).sum()))
            for grad in (grad.detach().double().cpu() for grad in gradients)
        ]
    )


def cases():
    """List what is compared with the CPU: (kind, activation, output stride, size)."""
    from mmghost import backbones

    kinds = [kind for kind in ('GhostNet', 'GhostNetV2', 'GhostNetV3') if hasattr(backbones, kind)]
    return [
        (kind, act, output_stride, size)
        for kind in kinds
        for act, sizes in (('ReLU', ((64, 96), (97, 65))), ('SiLU', ((97, 65),)))
        for output_stride in (32, 16, 8)
        for size in sizes
    ]


def write_reference(target):
    """Compute all cases in double precision, which a CPU takes minutes for."""
    states, expected = {}, {}
    for case in cases():
        kind, act, output_stride, size = case
        if (kind, act) not in states:
            states[kind, act] = build(kind, act).state_dict()
        network = build(kind, act, output_stride, states[kind, act])
        outs, grads = forward_backward(network, *inputs_of(network, size))
        expected[case] = [out.float() for out in outs], digest(grads)
        print(case, flush=True)
    states = {
        name: {key: v.float() if v.is_floating_point() else v for key, v in state.items()}
        for name, state in states.items()
    }
    torch.save(dict(states=states, expected=expected), target)


def agreement(results, device, reference, case):
    """Compare with the CPU in double precision, then every precision with that on the device."""
    kind, act, output_stride, size = case
    exact = build(kind, act, output_stride, reference['states'][kind, act]).to(device)
    x, weights = inputs_of(exact, size, device)
    expected = forward_backward(exact, x, weights)
    outs, digests = reference['expected'][case]
    errors = relative(expected[0], outs), relative([digest(expected[1])], [digests])
    row = dict(network=kind, act=act, output_stride=output_stride, size=size)
    # Outputs are stored in single precision, and the GPU's hard sigmoid multiplies with a sixth
    # in single precision, where the CPU's divides by six
    passed = max(errors) < 1e-6
    row.update(double=errors, passed=passed)
    for layout in (torch.contiguous_format, torch.channels_last):
        network = copy.deepcopy(exact).float().to(memory_format=layout)
        image = x.float().to(memory_format=layout)
        for dtype, tolerances in TOLERANCES.items():
            name = f'{dtype}-{str(layout).removeprefix("torch.")}'
            row[name] = errors_in(network, dtype, image, weights, expected)
            if kind == 'GhostNetV3':  # which amplifies rounding: its sums of branches tell how much
                summed = copy.deepcopy(network)
                for part in summed.modules():
                    if hasattr(part, 'can_merge'):
                        part.can_merge = lambda: False
                row[f'summed-{name}'] = errors_in(summed, dtype, image, weights, expected)
                limits = [3 * error for error in row[f'summed-{name}']]
                tolerances = [max(two) for two in zip(tolerances, limits)]
            row['passed'] &= row[name][0] < tolerances[0]
            row['passed'] &= act == 'ReLU' or row[name][1] < tolerances[1]
    results.add('agreement', row)


def errors_in(network, dtype, image, weights, expected):
    """Give the errors of outputs and gradients; those that are not finite give NaN."""
    context, scale = nullcontext(), 1
    if dtype != 'float32':
        context = torch.autocast(image.device.type, getattr(torch, dtype))
        scale = LOSS_SCALE if dtype == 'float16' else 1
    weights = [weight.float() * scale for weight in weights]
    outs, grads = forward_backward(network, image, weights, context)
    return relative(outs, expected[0]), relative([grad / scale for grad in grads], expected[1])


def gated_concat_backward(results, device):
    """Compare the gated concatenation's own backward with autograd's, in double precision."""
    from mmghost.layers.gated_concat import gated_concat

    for size, coarse in (((14, 14), (7, 7)), ((7, 9), (3, 4)), ((1, 5), (1, 2))):
        leaves = [
            torch.randn(3, channels, *shape, dtype=torch.double, device=device, requires_grad=True)
            for channels, shape in ((8, size), (7, size), (15, coarse))
        ]
        weight = torch.randn(3, 15, *size, dtype=torch.double, device=device)
        found = torch.autograd.grad((gated_concat(*leaves) * weight).sum(), leaves)
        intrinsic, ghost, gate = leaves
        plain = torch.cat((intrinsic, ghost), 1) * F.interpolate(gate, size)
        expected = torch.autograd.grad((plain * weight).sum(), leaves)
        error = relative(found, expected)
        results.add('gated_concat', dict(size=size, error=error, passed=error < 1e-12))


def checkpointing(results, device, kind):
    """Compare gradients with recomputation in the backward pass and without."""
    plain = build(kind).to(device)
    saving = build(kind, with_cp=True).to(device)
    saving.load_state_dict(plain.state_dict())
    x, weights = inputs_of(plain, (65, 97), device)
    expected = forward_backward(plain.train(), x, weights)[1]
    found = forward_backward(saving.train(), x, weights)[1]
    error = relative(found, expected)
    results.add('with_cp', dict(network=kind, error=error, passed=error < 1e-9))


def compiled(results, device, kind):
    """Compare a compiled network, forward and backward, with the same in eager mode."""
    network = build(kind).float().to(device)
    x, weights = inputs_of(network.double(), (96, 96), device)
    network, x, weights = network.float(), x.float(), [weight.float() for weight in weights]
    expected = forward_backward(network, x, weights)
    found = forward_backward(torch.compile(network), x, weights)
    errors = [relative(*pair) for pair in zip(found, expected)]
    passed = errors[0] < 1e-4 and errors[1] < 1e-2
    results.add(
        'compile', dict(network=kind, outputs=errors[0], gradients=errors[1], passed=passed)
    )


def cuda_graph(results, device, kind):
    """Capture the forward pass as a CUDA graph and replay it on another image."""
    if device != 'cuda':
        return
    network = build(kind).float().to(device)
    static, other = (torch.randn(2, 3, 96, 96, device=device) for _ in range(2))
    with torch.no_grad():
        on_side_stream(lambda: network(static))
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outs = network(static)
        static.copy_(other)
        graph.replay()
        error = relative(outs, network(other))
    results.add('cuda_graph', dict(network=kind, error=error, passed=error < 1e-5))


def on_side_stream(function, times=3):
    """Run a function before it is captured, as torch.cuda.graph wants it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(times):
            function()
    torch.cuda.current_stream().wait_stream(stream)


def correctness(results, device, reference):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    reference = torch.load(reference, map_location='cpu')
    for case in reference['expected']:
        results.step('agreement', agreement, results, device, reference, case)
    results.step('gated_concat', gated_concat_backward, results, device)
    kinds = sorted({case[0] for case in reference['expected']})
    for kind in kinds:
        results.step('with_cp', checkpointing, results, device, kind)
        results.step('cuda_graph', cuda_graph, results, device, kind)
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default, for the timings


# --------------------------------------------------------------------------------- speed


class Features(nn.Module):
    """timm's features before the pooling."""

    def __init__(self, name):
        super().__init__()
        import timm

        self.model = timm.create_model(name)

    def forward(self, x):
        return self.model.forward_features(x)


class Last(nn.Module):
    """The last map of a backbone of mmghost."""

    def __init__(self, conv_cfg):
        super().__init__()
        from mmghost.backbones import GhostNetV2

        self.model = GhostNetV2(out_indices=(5,), conv_cfg=conv_cfg)

    def forward(self, x):
        return self.model(x)[0]


class Job:
    """A network in one form on one batch, inference or a training step without the optimizer.

    ``form`` is made of words: 'channels_last', 'amp' (float16 autocast), 'half' (float16 weights),
    'compiled', 'graphs' (CUDA graphs by torch.compile, as compiled inference always has); 'eager'
    stands for none of them.
    """

    def __init__(self, model, form, train, batch, device, side=224):
        words = form.split('-')
        self.train, self.device = train, device
        network = Features(TIMM[model]) if model in TIMM else Last(OURS[model])
        network = network.to(device).train(train)
        if model in OURS and not train:
            network.model.switch_to_deploy()
        layout = torch.contiguous_format if words == ['eager'] else torch.channels_last
        dtype = torch.float16 if 'half' in words else torch.float32
        network = network.to(dtype=dtype, memory_format=layout).requires_grad_(train)
        x = torch.randn(batch, 3, side, side, device=device, dtype=dtype)
        self.x = x.to(memory_format=layout)
        self.network = network
        amp = torch.float16 if device == 'cuda' else torch.bfloat16
        self.context = (lambda: torch.autocast(device, amp)) if 'amp' in words else nullcontext
        self.call = network
        if 'compiled' in words:
            torch._dynamo.reset()
            graphs = device == 'cuda' and ('graphs' in words or not train)
            mode = 'reduce-overhead' if graphs else 'default'
            self.call = torch.compile(network, dynamic=False, mode=mode)

    def step(self):
        if not self.train:
            with torch.no_grad(), self.context():
                self.call(self.x)
            return
        self.network.zero_grad()
        with self.context():
            loss = self.call(self.x).float().mean()
        loss.backward()

    def synchronize(self):
        if self.device == 'cuda':
            torch.cuda.synchronize()

    def error(self):
        """Give how far the outputs are from those of the same network, not compiled."""
        with torch.no_grad(), self.context():
            return relative([self.call(self.x)], [self.network(self.x)])

    def prepare(self):
        """Run it until it is compiled and its memory is settled; give the peak memory in MiB."""
        if self.device == 'cuda':
            for _ in range(3):
                self.step()
            self.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.step()
        self.synchronize()
        return torch.cuda.max_memory_allocated() / 2**20 if self.device == 'cuda' else None

    def milliseconds(self, seconds):
        """Give the mean time of as many steps as fit the seconds, at least three."""
        self.synchronize()
        started, count = time.perf_counter(), 0
        while count < 3 or time.perf_counter() - started < seconds:
            self.step()
            count += 1
            if count % 5 == 0:
                self.synchronize()
        self.synchronize()
        return (time.perf_counter() - started) / count * 1e3


def work(connection, arguments):
    """Hold a job in a process of its own, and time it whenever it is asked to."""
    try:
        torch.set_num_threads(1)
        job = Job(*arguments)
        memory = job.prepare()
        connection.send((memory, None if job.train else job.error()))
        while (asked := connection.recv()) is not None:
            connection.send(kernels(job) if asked == 'kernels' else job.milliseconds(asked))
    except Exception as error:
        connection.send(error if isinstance(error, EOFError) else RuntimeError(repr(error)[:400]))


class Worker:
    """A process with a job; many get ready at once, and are timed one at a time."""

    def __init__(self, name, arguments):
        context = multiprocessing.get_context('spawn')
        self.name = name
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, arguments), daemon=True)
        self.process.start()

    def receive(self, seconds):
        if not self.connection.poll(max(0, seconds)):
            raise TimeoutError('not ready in time')
        found = self.connection.recv()
        if isinstance(found, Exception):
            raise found
        return found

    def ask(self, what):
        """Ask for the milliseconds of a step, over so many seconds, or for its 'kernels'."""
        self.connection.send(what)
        return self.receive(60)

    def close(self):
        self.process.terminate()
        self.process.join()


def plan(quick):
    """List the points, (train, batch, form), compiled and not, those that say the most first."""
    batches = (
        ((False, 2), (True, 2)) if quick else ((False, 64), (True, 256), (False, 1), (True, 64))
    )
    compiled = [
        (train, batch, 'compiled-graphs-amp' if train else 'compiled-amp')
        for train, batch in batches
    ]
    compiled += [(False, batches[0][1], 'compiled-half'), (True, batches[1][1], 'compiled-amp')]
    plain = [
        (train, batch, form)
        for form in ('channels_last-amp', 'eager', 'channels_last-half')
        for train, batch in batches
        if not (train and form == 'channels_last-half')
    ]
    return compiled, plain


def start_workers(device, quick):
    """Start the compilations of ours and of timm's, and of the others for batches of 64."""
    workers = {}
    side = 64 if quick else 224
    points = plan(quick)[0]
    for train, batch, form in points:
        for model in MODELS:
            if model in MODELS[-2:] and (train, batch, form) != (False, 64, 'compiled-amp'):
                continue
            if model != 'mmghost.fusible' or (train, batch, form) in points[:3] + points[4:5]:
                name = (model, form, train, batch)
                workers[name] = Worker(name, (model, form, train, batch, device, side))
    return workers


def interleave(timers, rounds):
    """Time in turns and give the medians: ``timers`` is a dict of functions."""
    found = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            found[name].append(timer())
    return {name: statistics.median(times) for name, times in found.items()}


def record_point(results, train, batch, form, times, memory):
    ours = times.get('mmghost')
    results.add(
        'speed',
        dict(
            train=train,
            batch=batch,
            form=form,
            ratios={name: times[name] / ours for name in times} if ours else None,
            milliseconds=times,
            mebibytes=memory,
        ),
    )


def compiled_speed(results, workers, quick):
    ready, memory = {}, {}
    for name, worker in workers.items():
        try:
            memory[name], error = worker.receive(results.left - 0.35 * results.total)
            if error is not None:
                results.add('compile', dict(job=name, error_of_outputs=error, passed=error < 2e-2))
            ready[name] = worker
        except Exception as error:
            results.add('speed', dict(job=name, error=str(error)))
    for train, batch, form in plan(quick)[0]:
        names = [name for name in ready if name[1:] == (form, train, batch)]
        timers = {name[0]: partial(ready[name].ask, 0.05 if quick else 0.2) for name in names}
        if timers:
            times = interleave(timers, 3 if quick else 5)
            record_point(
                results, train, batch, form, times, {name[0]: memory[name] for name in names}
            )
    for name, worker in ready.items():
        if name[1:3] in (('compiled-amp', False), ('compiled-graphs-amp', True)):
            results.add('profile', dict(job=name, **worker.ask('kernels')))
    for worker in workers.values():
        worker.close()


def eager_speed(results, device, quick):
    side = 64 if quick else 224
    for train, batch, form in plan(quick)[1]:
        if results.left < 20:
            return
        jobs, memory = {}, {}
        for model in ('mmghost', *TIMM):
            try:
                jobs[model] = Job(model, form, train, batch, device, side)
                memory[model] = jobs[model].prepare()
            except Exception as error:
                results.add('speed', dict(job=(model, form, train, batch), error=repr(error)[:300]))
                jobs.pop(model, None)
        seconds = 0.05 if quick else 0.12
        timers = {model: partial(job.milliseconds, seconds) for model, job in jobs.items()}
        times = interleave(timers, 3)
        # Peaks of several networks side by side hold the weights of all, 25 to 50 MiB in single
        record_point(results, train, batch, form, times, memory)


def kernels(job):
    """List where a step's time on the device goes: its milliseconds, and each kernel's share."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    activities = [ProfilerActivity.CPU]
    if job.device == 'cuda':
        activities.append(ProfilerActivity.CUDA)
    with profiler(activities=activities) as recorded:
        for _ in range(3):
            job.step()
        job.synchronize()
    rows = recorded.key_averages()
    found = [row for row in rows if str(row.device_type).endswith('CUDA')] or rows
    key = 'self_device_time_total' if job.device == 'cuda' else 'self_cpu_time_total'
    total = sum(getattr(row, key) for row in found)
    found = sorted(found, key=lambda row: getattr(row, key), reverse=True)[:24]
    return dict(
        step_ms=total / 3e3,
        launches=sum(row.count for row in found) // 3,
        shares=[
            (row.key[:110], row.count // 3, round(getattr(row, key) / total, 4)) for row in found
        ],
    )


def profile(results, device, quick):
    """List where a training step's time goes, in AMP."""
    for model in ('mmghost', 'timm.ghostnetv2'):
        job = Job(model, 'channels_last-amp', True, 2 if quick else 256, device)
        job.prepare()
        results.add('profile', dict(model=model, **kernels(job)))


# --------------------------------------------------------------------------------- photographs


def pack(source, target, quality=80):
    """Write Imagenette's pictures as WebP, 51 MB instead of 71, into one file."""
    from PIL import Image

    content, lengths, labels, parts = [], [], [], []
    with zipfile.ZipFile(source) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith('.JPEG'))
        classes = sorted({name.split('/')[-2] for name in names})
        for name in names:
            file = io.BytesIO()
            image = Image.open(archive.open(name)).convert('RGB')
            image.save(file, 'WEBP', quality=quality)
            content.append(file.getvalue())
            lengths.append(len(content[-1]))
            labels.append(classes.index(name.split('/')[-2]))
            parts.append(name.split('/')[-3] == 'train')
    data = np.frombuffer(b''.join(content), np.uint8)
    np.savez(target, data=data, lengths=lengths, labels=labels, train=parts)


def decode(content):
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)))


def load_pictures(file, device, quick):
    """Give (images, labels) of training and validation, images as (N, 3, 128, 128) bytes."""
    packed = np.load(file)
    ends = np.cumsum(packed['lengths'])
    data = packed['data'].tobytes()
    contents = [data[end - length : end] for end, length in zip(ends, packed['lengths'])]
    step = 100 if quick else 1
    with ThreadPool(os.cpu_count()) as pool:
        pictures = np.stack(pool.map(decode, contents[::step], chunksize=100))
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous().to(device)
    labels = torch.from_numpy(packed['labels'][::step]).to(device)
    train = torch.from_numpy(packed['train'][::step]).to(device)
    return (images[train], labels[train]), (images[~train], labels[~train])


class Classifier(nn.Module):
    """A backbone with GhostNet's head: pooling, 1280 features, dropout, ten classes."""

    def __init__(self, backbone, channels):
        super().__init__()
        self.backbone = backbone
        self.hidden = nn.Linear(channels, 1280)
        self.dropout = nn.Dropout(0.2)
        self.linear = nn.Linear(1280, 10)

    def forward(self, x):
        features = self.backbone(x)
        features = features[0] if isinstance(features, tuple) else features
        return self.linear(self.dropout(F.relu(self.hidden(features.mean((2, 3))))))


def make_classifier(name):
    """Make a network of :data:`CLASSIFIERS`."""
    import timm

    kind, options = CLASSIFIERS[name]
    if kind == 'timm':
        return timm.create_model(num_classes=10, drop_rate=0.2, **options)
    from mmghost import backbones

    backbone = getattr(backbones, kind)(out_indices=(5,), **options)
    backbone.init_weights()
    return Classifier(backbone, backbone.out_channels[0])


#: Networks by name, those first that the papers compare.
CLASSIFIERS = {
    'ghostnetv2-1.0x': ('GhostNetV2', dict(widen_factor=1.0)),
    'ghostnet-1.1x': ('GhostNet', dict(widen_factor=1.1)),
    'mobilenetv2-1.0x': ('timm', dict(model_name='mobilenetv2_100')),
    'ghostnetv2-1.0x-without-attention': ('GhostNetV2', dict(attention_cfg=[None] * 16)),
    'ghostnetv3-1.0x': ('GhostNetV3', dict(widen_factor=1.0)),
}


class Training:
    """One network's training; on a GPU its step is a CUDA graph on a stream of its own."""

    def __init__(self, name, seed, batch, device):
        torch.manual_seed(seed)
        self.name, self.seed, self.device = name, seed, device
        self.network = make_classifier(name).to(device).to(memory_format=torch.channels_last)
        self.x = torch.zeros(batch, 3, 128, 128, device=device).to(
            memory_format=torch.channels_last
        )
        self.y = torch.zeros(batch, dtype=torch.long, device=device)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        self.rate = torch.tensor(0.0, device=device)
        self.optimizer = torch.optim.AdamW(
            [dict(params=decayed, weight_decay=0.05), dict(params=others, weight_decay=0.0)],
            lr=self.rate,
            fused=True,
            capturable=device == 'cuda',
        )
        self.losses = torch.zeros((), device=device)
        self.curve = []
        self.graph = None
        if device == 'cuda':
            self.capture()

    def capture(self):
        state = copy.deepcopy(self.network.state_dict())
        self.stream = torch.cuda.Stream()
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                self.plain_step()
        torch.cuda.current_stream().wait_stream(self.stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.plain_step()
        with torch.no_grad():  # as if nothing had been trained
            for key, value in self.network.state_dict().items():
                value.copy_(state[key])
            for values in self.optimizer.state.values():
                for value in values.values():
                    value.zero_()
            self.losses.zero_()

    def plain_step(self):
        self.optimizer.zero_grad()
        with torch.autocast(self.device, torch.bfloat16, cache_enabled=False):
            loss = F.cross_entropy(self.network(self.x).float(), self.y, label_smoothing=0.1)
        loss.backward()
        self.optimizer.step()
        self.losses += loss.detach()

    def step(self, x, y, rate):
        """Train on a batch; the caller synchronizes before it gives the next."""
        if self.graph is None:
            self.x.copy_(x), self.y.copy_(y), self.rate.fill_(rate)
            self.plain_step()
            return
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self.x.copy_(x), self.y.copy_(y), self.rate.fill_(rate)
            self.graph.replay()

    def note(self, epoch, steps, validation):
        """Add an epoch to the curve: its number, top-1 in %, the mean loss since the last."""
        counted = (epoch - (self.curve[-1][0] if self.curve else 0)) * steps
        self.curve.append((epoch, self.accuracy(*validation), self.losses.item() / counted))
        self.losses.zero_()

    def accuracy(self, images, labels):
        self.network.eval()
        right = 0
        with torch.no_grad(), torch.autocast(self.device, torch.bfloat16, cache_enabled=False):
            for x, y in zip(images.split(1000), labels.split(1000)):
                right += (self.network(normalize(x)).argmax(1) == y).sum()
        self.network.train()
        return 100 * right.item() / len(labels)


@functools.cache
def statistics_of_imagenet(device):
    mean, std = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
    return [torch.tensor(values, device=device).view(3, 1, 1) for values in (mean, std)]


def normalize(images):
    mean, std = statistics_of_imagenet(images.device)
    return ((images.float() - mean) / std).contiguous(memory_format=torch.channels_last)


def augment(images, generator):
    """Crop at random, from 35 % of the area on, resize to 128 and mirror half of the images."""
    n, device = len(images), images.device

    def uniform(low, high):
        return low + (high - low) * torch.rand(n, device=device, generator=generator)

    area, aspect = uniform(0.35, 1), uniform(np.log(3 / 4), np.log(4 / 3)).exp()
    width, height = ((area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1))
    mirrored = (uniform(0, 1) < 0.5).float() * 2 - 1
    theta = torch.zeros(n, 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1] = width * mirrored, height
    theta[:, 0, 2], theta[:, 1, 2] = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    grid = F.affine_grid(theta, (n, 3, 128, 128), align_corners=False)
    return F.grid_sample(normalize(images), grid, padding_mode='reflection', align_corners=False)


#: The highest learning rate.
PEAK = 3e-3


def rate_at(step, warm, total):
    """Give the factor on the learning rate: it rises along a line, then falls along a cosine."""
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))


def photographs(results, device, file, names, epochs, seeds, folder, quick, ends):
    """Train the networks for one seed after another, as many seeds as fit the time.

    Those of one seed are trained side by side on the same batches of 128 images. AdamW, weight
    decay 0.05, label smoothing 0.1, random crops from 35 % of the area on, mirroring; two epochs
    of warming up to a rate of 0.003. None of it was tuned.
    """
    training, validation = load_pictures(file, device, quick)
    print(f'{results.seconds:6.1f} s  {len(training[0])} pictures to train on', flush=True)
    for seed in seeds:
        started = results.seconds
        group = [Training(name, seed, min(128, len(training[0])), device) for name in names]
        epochs, took = train_together(results, group, seed, training, validation, epochs, ends)
        for one in group:
            row = dict(network=one.name, seed=seed, batch=len(one.x), epochs=epochs, peak_rate=PEAK)
            row.update(top1=one.curve[-1][1], curve=one.curve, seconds_together=took)
            results.add('photographs', row)
        state = {one.name: halved(one.network.state_dict()) for one in group}
        torch.save(state, Path(folder) / f'imagenette-{epochs}-epochs-seed{seed}.pth')
        if results.seconds + (results.seconds - started) > ends:
            return


def halved(state):
    """Give weights in half precision, on the CPU."""
    return {k: (v.half() if v.is_floating_point() else v).cpu() for k, v in state.items()}


def train_together(results, group, seed, training, validation, epochs, ends):
    """Train networks on the same batches; give the number of epochs and the seconds for one."""
    images, labels = training
    device, batch = images.device, len(group[0].x)
    generator = torch.Generator(device).manual_seed(seed)
    steps, started = len(images) // batch, time.monotonic()
    epoch = 0
    while epoch < epochs:
        order = torch.randperm(len(images), device=device, generator=generator)
        for index, chosen in enumerate(order[: steps * batch].split(batch)):
            rate = PEAK * rate_at(epoch * steps + index, 2 * steps, epochs * steps)
            x, y = augment(images[chosen], generator), labels[chosen]
            for one in group:
                one.step(x, y, rate)
            if device.type == 'cuda':
                for one in group:
                    x.record_stream(one.stream)
                    y.record_stream(one.stream)
        if device.type == 'cuda':
            torch.cuda.synchronize()
        epoch += 1
        took = (time.monotonic() - started) / epoch
        if epoch == 1:  # the rate has not depended on the number of epochs yet
            epochs = max(3, min(epochs, int(0.95 * (ends - results.seconds) / took)))
            print(f'{results.seconds:6.1f} s  {took:.2f} s for an epoch: {epochs}', flush=True)
        if epoch % 5 == 0 or epoch in (1, epochs):
            for one in group:
                one.note(epoch, steps, validation)
    return epochs, took


# --------------------------------------------------------------------------------- the command


def run(args):
    logging.disable(logging.INFO)  # mmengine lists every weight that it initializes
    results = Results(args.out, args.seconds)
    results.content['environment'] = environment(args.device)
    print(results.content['environment'], flush=True)
    torch.set_num_threads(min(4, os.cpu_count()))
    workers = start_workers(args.device, args.quick) if 'speed' in args.parts else {}
    try:
        if 'correctness' in args.parts:
            correctness(results, args.device, args.reference)
            for kind in ('GhostNetV2', 'GhostNet', 'GhostNetV3'):
                results.step('compile', compiled, results, args.device, kind)
        if 'photographs' in args.parts:  # while the others compile
            options = args.networks, args.epochs, args.seeds, args.out, args.quick
            ends = args.seconds * (0.55 if workers else 0.95)
            files = args.device, args.imagenette
            results.step('photographs', photographs, results, *files, *options, ends)
        if 'speed' in args.parts:
            results.step('speed', compiled_speed, results, workers, args.quick)
            results.step('speed', eager_speed, results, args.device, args.quick)
            results.step('profile', profile, results, args.device, args.quick)
    finally:
        for worker in workers.values():
            worker.close()
    failed = [
        (part, row)
        for part, rows in results.content.items()
        if isinstance(rows, list)
        for row in rows
        if row.get('passed') is False or 'error' in row and 'passed' not in row
    ]
    for part, row in failed:
        print(f'FAILED {part}: {json.dumps(row)}')
    print(f'{len(failed)} failed; {results.seconds:.0f} s')
    return bool(failed)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest='command')
    packing = commands.add_parser('pack', help='make the file of photographs to take along')
    packing.add_argument('source', help='imagenette.zip, a folder a class under train/ and val/')
    packing.add_argument('target', help='the .npz file to write')
    referring = commands.add_parser('reference', help='compute on the CPU what is compared with')
    referring.add_argument('target', help='the file to write')
    running = commands.add_parser('run', help='see all, on the GPU')
    running.add_argument('out', help='the folder of results.json')
    running.add_argument('--device', default='cuda', choices=('cuda', 'cpu'))
    running.add_argument('--seconds', type=float, default=480, help='default: %(default)s')
    running.add_argument(
        '--parts', nargs='+', default=['correctness', 'speed', 'photographs'], help='default: all'
    )
    running.add_argument('--reference', help='what the CPU gave, for correctness')
    running.add_argument('--imagenette', help='the packed pictures, for photographs')
    running.add_argument(
        '--networks', nargs='+', choices=CLASSIFIERS, default=list(CLASSIFIERS)[:4], help='to train'
    )
    running.add_argument('--epochs', type=int, default=20, help='at most (default: %(default)s)')
    running.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    running.add_argument('--quick', action='store_true', help='small, to rehearse')
    args = parser.parse_args()
    if args.command == 'pack':
        pack(args.source, args.target)
    elif args.command == 'reference':
        logging.disable(logging.INFO)
        write_reference(args.target)
    else:
        sys.exit(run(args))


if __name__ == '__main__':
    main()
