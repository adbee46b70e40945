"""One benchmark: every network in every form, on every input, in one process."""

import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import torch

from mmghost.deploy.runtimes import FORMATS
from mmghost.utils import check_int, check_positive

from .agreement import check_agreement
from .breakdown import break_down, break_down_step
from .environment import describe_environment, measure_machine
from .floor import TRAINING_PASSES, count_work
from .forms import (
    FORMS,
    RUNTIMES,
    TRAINING_FORMS,
    has_form,
    lay_out,
    make_form,
    prepare,
    tolerance,
)
from .models import build_models, is_config
from .timing import time_interleaved
from .training import TrainingStep, peak_memory


class Options(NamedTuple):
    """How to measure, the same for every input.

    Args:
        threads (int): Threads of each runtime. Defaults to 1.
        rounds (int): Timed runs of each network in each form. Defaults to 50.
        train (bool): Time training steps instead of inference. Defaults to False.
        breakdown (bool): Also list each form's operators. Defaults to False.
        device (str): 'cpu' or 'cuda'. Defaults to 'cpu'.
    """

    threads: int = 1
    rounds: int = 50
    train: bool = False
    breakdown: bool = False
    device: str = 'cpu'


def benchmark(
    models,
    forms,
    options,
    sizes=((224, 224),),
    batches=(1,),
    width=1.0,
    against=None,
    say=lambda text: None,
):
    """Time networks in several forms, once their outputs are found to agree.

    Args:
        models (Sequence[str]): Networks, see :func:`mmghost.benchmark.models.build_models`.
        forms (Sequence[str]): Of :data:`mmghost.benchmark.forms.FORMS`; a form that a network does
            not have is left out for it.
        options (Options): How to measure.
        sizes (Sequence[tuple[int, int]]): Heights and widths. Defaults to ((224, 224), ).
        batches (Sequence[int]): Images at once. Defaults to (1, ).
        width (float): Factor on the channels of the backbones. Defaults to 1.0.
        against (str, optional): The network that the others are put in relation to. Defaults to
            the last of ``models``.
        say (Callable): Is told what is being done.

    Returns:
        dict: The results, fit for JSON; docs/benchmarks/README.md describes them.

    Raises:
        ImportError: If a package that a form or network needs is missing.
        Mismatch: If forms with the same weights give different outputs.
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
    """
    against = models[-1] if against is None else against
    _check(models, forms, sizes, batches, width, against, options)
    device = torch.device(options.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        say('building the networks')
        built = build_models(models, width)
        for model in built:
            model.module.to(device)
        if not any(has_form(model, form, options.train) for model in built for form in forms):
            raise ValueError(f'{", ".join(models)}: none has the form {" or ".join(forms)}.')
        say('measuring what the machine could do')
        machine = measure_machine(device, half='amp' in forms)
        settings = []
        for size in sizes:
            for batch in batches:
                say(f'{size[0]}x{size[1]}, batch {batch}')
                generator = torch.Generator().manual_seed(0)
                image = torch.randn(batch, 3, *size, generator=generator).to(device)
                results = _measure(built, forms, image, options, say)
                settings.append(dict(size=list(size), batch=batch, results=results))
    finally:
        torch.set_num_threads(threads)
    return dict(
        task='training' if options.train else 'inference',
        against=against,
        width=None if width == 1 and all(map(is_config, models)) else width,
        threads=options.threads,
        rounds=options.rounds,
        device=options.device,
        environment=describe_environment(device),
        machine=machine,
        settings=settings,
    )


def _check(models, forms, sizes, batches, width, against, options):
    check_positive('width', width)
    check_int('threads', options.threads, 1)
    check_int('rounds', options.rounds, 1)
    for side in (side for size in sizes for side in size):
        check_int('size', side, 1)
    for batch in batches:
        check_int('batch', batch, 1)
    if against not in models:
        raise ValueError(f'against must be one of {", ".join(models)}, but got {against!r}.')
    if options.device not in ('cpu', 'cuda'):
        raise ValueError(f'device must be cpu or cuda, but got {options.device!r}.')
    if options.device == 'cuda' and not torch.cuda.is_available():
        raise ValueError('device is cuda, but PyTorch sees no GPU here.')
    allowed = TRAINING_FORMS if options.train else FORMS
    for form in forms:
        if form not in allowed:
            task = 'trained in' if options.train else 'run in'
            raise ValueError(f'networks are {task} {", ".join(allowed)}, not in {form!r}.')
        if form in RUNTIMES and options.device != 'cpu':
            raise ValueError(f'{form} is measured on the CPU only, not on {options.device}.')
        if form in RUNTIMES:
            FORMATS[RUNTIMES[form][0]].require_packages()


class _Prepared(NamedTuple):
    """What is timed, and what is known of it before."""

    run: Callable
    result: dict


def _measure(models, forms, image, options, say):
    """Measure networks in forms on one input."""
    references = {}
    for model in models:
        references.setdefault(model.family, model.module)
    prepared = []
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            _check_size(model, image)
            work = count_work(model.module, image)
            passes = TRAINING_PASSES if options.train else 1
            with exact_convolutions(), torch.inference_mode():
                expected = references[model.family](image)
            for form in forms:
                if not has_form(model, form, options.train):
                    continue
                say(f'  preparing {model.name}, {form}')
                place = Path(folder, str(len(prepared)))
                place.mkdir()
                prepare_one = _prepare_training if options.train else _prepare_inference
                run, found = prepare_one(model, form, image, expected, place, options)
                moved = work.bytes // 2 if form == 'amp' else work.bytes
                result = dict(
                    model=model.name,
                    form=form,
                    multiply_adds=work.multiply_adds * passes,
                    bytes=moved * passes,
                    **found,
                )
                prepared.append(_Prepared(run, result))
        say(f'  timing in {options.rounds} rounds')
        every = time_interleaved(
            [one.run for one in prepared],
            options.rounds,
            image.device,
            lead_in=0 if options.train else 1,  # the caches hold little of a training step
        )
    return [dict(one.result, seconds=times) for one, times in zip(prepared, every)]


def _check_size(model, image):
    try:
        with torch.inference_mode():
            model.module(image)
    except RuntimeError as error:
        height, width = image.shape[2:]
        reason = shorten(str(error), 200)
        raise ValueError(f'{model.name} takes no images of {height}x{width} ({reason}).') from error


def _prepare_inference(model, form, image, expected, folder, options):
    ready = prepare(model, form, image, folder, options.threads)
    with exact_convolutions():
        found = ready.run()
    difference = check_agreement(f'{model.name}, {form},', found, expected, tolerance(form))
    result = dict(difference=difference)
    if options.breakdown:
        operators = break_down(form, ready, image.device, options.threads)
        result['operators'] = [operator._asdict() for operator in operators]
    return ready.run, result


def _prepare_training(model, form, image, expected, folder, options):
    module = make_form(model, form, train=True)
    image = lay_out(image, form)
    with exact_convolutions(), torch.no_grad():
        found = module.eval()(image)
    difference = check_agreement(f'{model.name}, {form},', found, expected, tolerance(form))
    step = TrainingStep(module.train(), image)
    step()
    result = dict(difference=difference, peak_memory=peak_memory(step, image.device))
    if options.breakdown:
        operators = break_down_step(step, image.device)
        result['operators'] = [operator._asdict() for operator in operators]
    return step, result


@contextmanager
def exact_convolutions():
    """Keep a GPU's convolutions in single precision inside, where outputs are compared."""
    allowed, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed
