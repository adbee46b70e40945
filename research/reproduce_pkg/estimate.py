"""How long a run will take: by runs like it, or else by its model's training step."""

import time
from statistics import mean

import torch
from mmghost.benchmark.training import TrainingStep

from mmghost.utils.whole_models import build_whole_model

from .data_sets import train_count

_PIXELS = 8 * 320 * 320  # of a measured step, at most


def by_results(run, runs):
    """Estimate by what is recorded of the same row, or else of the others.

    Args:
        run (Run): What the time is wanted of.
        runs (Sequence[Run]): All runs of the same plan.

    Returns:
        tuple[float, str] | None: Seconds, and what they are based on.
    """
    timed = [(one, result['wall_time']) for one in runs if (result := one.result()) is not None]
    same = [seconds for one, seconds in timed if one.row.config == run.row.config]
    if same:
        return mean(same), 'the row with other seeds'
    scope = run.config.get('default_scope')
    others = [seconds for one, seconds in timed if one.config.get('default_scope') == scope]
    return (mean(others), 'other rows of the task') if others else None


def _image_size(config):
    """Find the size that training images are given last."""
    dataset = config.train_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    sizes = [step.get('crop_size', step.get('scale')) for step in dataset.get('pipeline', ())]
    size = next((size for size in reversed(sizes) if size is not None), None)
    if isinstance(size, (list, tuple)) and isinstance(size[-1], (list, tuple)):
        size = size[-1]
    return (size, size) if isinstance(size, int) else tuple(size)


def training_images(config, processes):
    """Count the images that a training sees.

    Returns:
        int | None: None if the size of the data set is not known.
    """
    loop = config.train_cfg
    if loop.get('max_iters'):
        return loop.max_iters * config.train_dataloader.batch_size * processes
    count = train_count(config)
    return None if count is None else count * loop.max_epochs


def by_step(run):
    """Estimate by training steps of the model on random images: forward and backward pass.

    Losses, the optimizer, data, validation and test come on top of it.

    Args:
        run (Run): What the time is wanted of.

    Returns:
        tuple[float, str] | None: Seconds, and what they are based on; None where the model or the
        data set is not known well enough.
    """
    images = training_images(run.config, run.launch.processes)
    if images is None:
        return None
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        height, width = _image_size(run.config)
        fitting = max(1, _PIXELS // (height * width))
        batch = min(fitting, run.config.train_dataloader.batch_size)
        channels = run.config.model.backbone.get('in_channels', 3)
        model = build_whole_model(run.config).to(device)
        model.train()
        step = TrainingStep(model, torch.randn(batch, channels, height, width, device=device))
        step()
        begun = time.monotonic()
        step()
        if device.type == 'cuda':
            torch.cuda.synchronize()
    except Exception:  # whatever a model cannot do on random images: there is no estimate
        return None
    rate = batch / (time.monotonic() - begun) * run.launch.processes
    return images / rate, f'a training step measured here, {rate:.0f} images a second'


def in_words(seconds):
    """str: Seconds, for people."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return 'under a minute'
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f'{days} d {hours} h'
    return f'{hours} h {minutes} min' if hours else f'{minutes} min'
