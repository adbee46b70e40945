"""Predictions on images: a picture each, a table and a json file."""

import json
import tempfile
from itertools import count
from pathlib import Path

import cv2
import torch
from mmengine.device import get_device
from rich.console import Console
from rich.table import Column, Table

from mmghost.utils.files import write_atomically
from mmghost.utils.outputs import check_folder

from .images import check_image, find_images
from .inferencers import load_inferencer

_LISTED = 5
_SHOWN = 0.01  # classes of a lower score or share are in the json file only


def predict_images(sources, task, config, checkpoint, out_dir, device=None, **options):
    """Predict, and write and list what was found.

    Each image gets ``NAME.jpg`` in ``out_dir``, with the result drawn, and all of them a
    ``predictions.json``. A name that is taken gets a number: no file is ever overwritten.

    Args:
        sources (list[str]): As in :func:`find_images`.
        task, config, checkpoint, **options: As in :func:`load_inferencer`.
        out_dir (str | Path): The folder to write to; it is made if it is missing.
        device (str, optional): As torch names it. Defaults to None: a GPU if there is one.

    Returns:
        dict[str, str]: What could not be predicted, and why.

    Raises:
        OSError, ValueError: As :func:`load_inferencer`, and if nothing can be written to
            ``out_dir``.
    """
    out_dir = Path(out_dir)
    check_folder(out_dir)
    device = _check_device(device or get_device())
    with tempfile.TemporaryDirectory() as frames:
        images, failures = find_images(sources, frames)
        rows, contents = [], []
        if images:
            predict = load_inferencer(task, config, checkpoint, device, **options)
        for name, image in images.items():
            try:
                encoded, found, content = _predict(predict, image)
            except Exception as error:
                failures[name] = str(error)
                continue
            drawn = _free(out_dir, image.stem, '.jpg')
            write_atomically(encoded, drawn)
            rows.append((name, _describe(found, task), str(drawn)))
            contents.append(dict(image=name, picture=str(drawn), **content))
    if contents:
        file = _free(out_dir, 'predictions', '.json')
        write_atomically(json.dumps(contents, indent=1).encode(), file)
        _print_table(rows, file)
    return failures


def _predict(predict, image):
    """Give the picture as JPEG, what was found in short, and all of it."""
    width, height = check_image(image)
    try:
        picture, found, content = predict(str(image.resolve()))
        done, encoded = cv2.imencode('.jpg', picture[..., ::-1])
        if not done:
            raise ValueError('its picture is too large for a JPEG.')
    except Exception as error:
        reason = f'its {width}x{height} pixels cannot be worked with: {error}'
        raise ValueError(reason) from error
    return encoded.tobytes(), found, content


def _check_device(name):
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f'device must be cpu, cuda or cuda:N, but got {name!r}.') from None
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f'device is {name}, but PyTorch sees {torch.cuda.device_count()} GPUs.')
    return name


def _free(folder, stem, suffix):
    """Name a file that there is not yet."""
    names = (f'{stem}{suffix}' if n == 1 else f'{stem}-{n}{suffix}' for n in count(1))
    return next(folder / name for name in names if not (folder / name).exists())


def _describe(found, task):
    form = '{} {:.1%}' if task == 'seg' else '{} {:.2f}'
    shown = [form.format(*item) for item in found if task == 'det' or item[1] >= _SHOWN]
    more = [f'{len(shown) - _LISTED} more'] if len(shown) > _LISTED else []
    return ', '.join(shown[:_LISTED] + more) or 'nothing'


def _print_table(rows, file):
    table = Table(*(Column(name, overflow='fold') for name in ('image', 'found', 'picture')))
    for row in rows:
        table.add_row(*row)
    console = Console(markup=False, emoji=False)  # file names may look like either
    console.print(table)
    console.print(f'All of it: {file}')
