"""One benchmark: every network in every form, on every input, in one process."""

import random
import sys
import tempfile
from pathlib import Path
from timeit import Timer

import torch

from mmghost.utils import check_int

from .forms import INT8, check_agreement, check_forms, make_form, prepare, training_step
from .machine import count_work, describe_environment, measure_machine, peak_memory
from .networks import build_models, has_own_width

#: A training step's work, in forward passes: the gradients of maps and of weights are one each
TRAINING_PASSES = 3


def benchmark(
    models,
    forms,
    sizes=(224,),
    batch=1,
    width=1.0,
    threads=1,
    rounds=50,
    train=False,
):
    """Time networks in several forms, once their outputs are found to agree.

    Args:
        models (Sequence[str]): See :func:`research.benchmark.networks.build_models`; the last is
            what the others are put in relation to.
        forms (Sequence[str]): Of :data:`research.benchmark.forms.FORMS`; timm's networks have no
            'deploy'.
        sizes (Sequence[int]): Sides of the images in pixels. Defaults to (224, ).
        batch (int): Images at once. Defaults to 1.
        width (float): Factor on the channels of the backbones. Defaults to 1.0.
        threads (int): Threads of each runtime. Defaults to 1.
        rounds (int): Timed runs of each network in each form. Defaults to 50.
        train (bool): Time training steps instead of inference. Defaults to False.

    Returns:
        dict: The results, fit for JSON; research/benchmarks/README.md describes them.

    Raises:
        ImportError: If a package that a form or network needs is missing.
        ValueError: If there is no such network, or none in such a form, or forms with the same
            weights give different outputs.
    """
    check_int('rounds', rounds, 1)
    check_forms(forms, train)
    torch.set_num_threads(threads)
    built = build_models(models, width)
    pairs = [(m, form) for m in built for form in forms if m.deploys or form != 'deploy']
    if not pairs:
        raise ValueError(f'{", ".join(models)} have no form {", ".join(forms)}.')
    machine, settings = measure_machine(), []
    for size in sizes:
        _say(f'{size}x{size}')
        image = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
        results = _measure(pairs, image, threads, rounds, train)
        settings.append(dict(size=[size, size], batch=batch, results=results))
    return dict(
        task='training' if train else 'inference',
        against=models[-1],
        width=None if all(map(has_own_width, models)) else width,
        threads=threads,
        rounds=rounds,
        environment=describe_environment(),
        machine=machine,
        settings=settings,
    )


def _say(text):
    print(text, file=sys.stderr)


def _measure(pairs, image, threads, rounds, train):
    """Measure networks in forms on one input."""
    models = {model.name: model for model, _ in pairs}.values()
    works = {model.name: count_work(model.module, image) for model in models}
    with torch.inference_mode():
        expected = {model.family: model.module(image) for model in models}
    passes = TRAINING_PASSES if train else 1
    runs, results = [], []
    with tempfile.TemporaryDirectory() as folder:
        for model, form in pairs:
            _say(f'  preparing {model.name}, {form}')
            multiply_adds, moved = (amount * passes for amount in works[model.name])
            result = dict(model=model.name, form=form, multiply_adds=multiply_adds, bytes=moved)
            if train:
                module, laid_out = make_form(model, form, image, train=True)
                with torch.no_grad():
                    found = module.eval()(laid_out)
                run = training_step(module.train(), laid_out)
                run()
                result['peak_memory'] = peak_memory(run)
            else:
                place = Path(folder, str(len(runs)))
                place.mkdir()
                run = prepare(model, form, image, place, threads)
                found = run()
            name = f'{model.name}, {form},'
            result['difference'] = check_agreement(
                name, found, expected[model.family], int8=form in INT8
            )
            runs.append(run)
            results.append(result)
        _say(f'  timing in {rounds} rounds')
        # The caches hold little of a training step
        every = time_interleaved(runs, rounds, lead_in=not train)
    return [dict(result, seconds=times) for result, times in zip(results, every)]


def time_interleaved(functions, rounds, lead_in=True):
    """Time functions in turns, so that a change of the machine's speed hits all of them.

    Each has been called before the first round.

    Args:
        functions (Sequence[Callable]): Without arguments.
        rounds (int): How often each is timed; the order within a round is random.
        lead_in (bool): Whether there is a call before each timed one, which brings back into the
            caches what the others drove out. Defaults to True.

    Returns:
        list[list[float]]: Seconds, a list of the rounds for each function.
    """
    timers = [Timer(function, function if lead_in else 'pass') for function in functions]
    for timer in timers:
        timer.timeit(2)
    shuffled, times = random.Random(0), [[] for _ in timers]
    for _ in range(rounds):
        for index in shuffled.sample(range(len(timers)), len(timers)):
            times[index].append(timers[index].timeit(1))
    return times
