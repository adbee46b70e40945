"""One benchmark: every network in every form, on every input, in one process."""

import gc
import random
import sys
import tempfile
import time
from pathlib import Path
from textwrap import shorten

import torch

from mmghost.utils import check_int, check_positive

from .breakdown import break_down
from .forms import (
    TrainingStep,
    check_agreement,
    check_form,
    exported_file,
    lay_out,
    make_form,
    prepare,
)
from .machine import count_work, describe_environment, measure_machine, peak_memory, synchronise
from .networks import build_models
from .widths import is_config

#: A training step's work, in forward passes: the gradients of maps and of weights are one each
TRAINING_PASSES = 3


def benchmark(
    models,
    forms,
    sizes=((224, 224),),
    batches=(1,),
    width=1.0,
    against=None,
    threads=1,
    rounds=50,
    train=False,
    device='cpu',
    breakdown=False,
):
    """Time networks in several forms, once their outputs are found to agree.

    Args:
        models (Sequence[str]): See :func:`research.benchmark.networks.build_models`.
        forms (Sequence[str]): Of :data:`research.benchmark.forms.FORMS`; timm's networks have no
            'deploy'.
        sizes (Sequence[tuple[int, int]]): Heights and widths. Defaults to ((224, 224), ).
        batches (Sequence[int]): Images at once. Defaults to (1, ).
        width (float): Factor on the channels of the backbones. Defaults to 1.0.
        against (str, optional): The network that the others are put in relation to. Defaults to
            the last of ``models``.
        threads (int): Threads of each runtime. Defaults to 1.
        rounds (int): Timed runs of each network in each form. Defaults to 50.
        train (bool): Time training steps instead of inference. Defaults to False.
        device (str): 'cpu' or 'cuda'. Defaults to 'cpu'.
        breakdown (bool): List operators, too, see :mod:`research.benchmark.breakdown`. Defaults to
            False.

    Returns:
        dict: The results, fit for JSON; research/benchmarks/README.md describes them.

    Raises:
        ImportError: If a package that a form or network needs is missing.
        Mismatch: If forms with the same weights give different outputs.
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
    """
    against = models[-1] if against is None else against
    check_positive('width', width)
    for name, values in (
        ('threads', [threads]),
        ('rounds', [rounds]),
        ('size', [side for size in sizes for side in size]),
        ('batch', batches),
    ):
        for value in values:
            check_int(name, value, 1)
    if against not in models:
        raise ValueError(f'against must be one of {", ".join(models)}, but got {against!r}.')
    if device not in ('cpu', 'cuda'):
        raise ValueError(f'device must be cpu or cuda, but got {device!r}.')
    if device == 'cuda' and not torch.cuda.is_available():
        raise ValueError('device is cuda, but PyTorch sees no GPU here.')
    for form in forms:
        check_form(form, device, train)
    place = torch.device(device)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        built = build_models(models, width)
        for model in built:
            model.module.to(place)
        pairs = [(m, form) for m in built for form in forms if m.deploys or form != 'deploy']
        if not pairs:
            raise ValueError(f'{", ".join(models)} have no form {", ".join(forms)}.')
        machine = measure_machine(place)
        settings = []
        for size in sizes:
            for batch in batches:
                _say(f'{size[0]}x{size[1]}, batch {batch}')
                generator = torch.Generator().manual_seed(0)
                image = torch.randn(batch, 3, *size, generator=generator).to(place)
                results = _measure(pairs, image, threads, rounds, train, breakdown)
                settings.append(dict(size=list(size), batch=batch, results=results))
    finally:
        torch.set_num_threads(threads_before)
    return dict(
        task='training' if train else 'inference',
        against=against,
        width=None if width == 1 and all(map(is_config, models)) else width,
        threads=threads,
        rounds=rounds,
        device=device,
        environment=describe_environment(place),
        machine=machine,
        settings=settings,
    )


def _say(text):
    print(text, file=sys.stderr)


def _exact():
    """Keep a GPU's convolutions in single precision inside, where outputs are compared."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def _measure(pairs, image, threads, rounds, train, breakdown):
    """Measure networks in forms on one input."""
    references, works, runs, results = {}, {}, [], []
    for model, _ in pairs:
        if model.name not in works:
            _check_size(model, image)
            works[model.name] = count_work(model.module, image)
            if model.family not in references:
                with _exact(), torch.inference_mode():
                    references[model.family] = model.module(image)
    passes = TRAINING_PASSES if train else 1
    with tempfile.TemporaryDirectory() as folder:
        for model, form in pairs:
            _say(f'  preparing {model.name}, {form}')
            place = Path(folder, str(len(runs)))
            place.mkdir()
            name, expected = f'{model.name}, {form},', references[model.family]
            multiply_adds, moved = (amount * passes for amount in works[model.name])
            result = dict(model=model.name, form=form, multiply_adds=multiply_adds, bytes=moved)
            if train:
                module, laid_out = make_form(model, form, train=True), lay_out(image, form)
                with _exact(), torch.no_grad():
                    found = module.eval()(laid_out)
                run = TrainingStep(module.train(), laid_out)
                run()
                result['peak_memory'] = peak_memory(run, image.device)
            else:
                with _exact():
                    run = prepare(model, form, image, place, threads)
                    found = run()
            result['difference'] = check_agreement(name, found, expected)
            if breakdown and form != 'litert':
                file = exported_file(place, form)
                result['operators'] = break_down(form, run, file, image, threads)
            runs.append(run)
            results.append(result)
        _say(f'  timing in {rounds} rounds')
        # The caches hold little of a training step
        every = time_interleaved(runs, rounds, image.device, lead_in=0 if train else 1)
    return [dict(result, seconds=times) for result, times in zip(results, every)]


def _check_size(model, image):
    try:
        with torch.inference_mode():
            model.module(image)
    except RuntimeError as error:
        height, width = image.shape[2:]
        reason = shorten(str(error), 200)
        raise ValueError(f'{model.name} takes no images of {height}x{width} ({reason}).') from error


def time_interleaved(functions, rounds, device, lead_in=1, warm_up=2):
    """Time functions in turns, so that a change of the machine's speed hits all of them.

    Args:
        functions (Sequence[Callable]): Without arguments.
        rounds (int): How often each is timed; the order within a round is random.
        device (torch.device): Where they run.
        lead_in (int): Calls before each timed one, which bring back into the caches what the
            others drove out. Defaults to 1.
        warm_up (int): Calls of each before the first round. Defaults to 2.

    Returns:
        list[list[float]]: Seconds, a list of the rounds for each function.
    """
    times = [[] for _ in functions]
    shuffle = random.Random(0).shuffle
    order = list(range(len(functions)))
    for function in functions:
        for _ in range(warm_up):
            function()
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffle(order)
            for index in order:
                function = functions[index]
                for _ in range(lead_in):
                    function()
                synchronise(device)
                started = time.perf_counter()
                function()
                synchronise(device)
                times[index].append(time.perf_counter() - started)
    finally:
        if collecting:
            gc.enable()
    return times
