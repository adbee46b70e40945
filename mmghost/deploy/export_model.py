"""Whole models as files of other runtimes."""

import textwrap
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS, init_default_scope

from mmghost.checkpoint import load_whole_model
from mmghost.utils import as_pair, check_int
from mmghost.utils.configs import config_scope
from mmghost.utils.whole_models import check_size

from .detectors import test_cfgs
from .differences import EDGES_TOLERANCE, TOLERANCE, difference
from .draft import draft_of
from .metadata import describe
from .model_input import ModelInput
from .packing import TARGETS
from .raw_detector import RawDetector
from .read_config import read_config
from .runtimes import FORMATS, check_export, check_quantizer, export_module, load_exported
from .suppression import suppress_by_operator, suppress_in_steps
from .whole_model import whole_model

#: How detectors drop boxes, where not by an operator in the file. MNN's way through it cannot be
#: relied on: of the demo's detector, some times that it is loaded, it keeps boxes too many
SUPPRESS = dict(litert=suppress_in_steps, ncnn=None, coreml=None, mnn=None)


class Report(NamedTuple):
    """What was exported: the input's shape, and how far the file's outputs are from PyTorch's.

    The difference is None of a format that is not run after it is written.
    """

    shape: tuple
    image: str
    difference: float | None


def export_model(
    config,
    checkpoint,
    file,
    format,
    shape=None,
    dynamic=(),
    normalize_inside=False,
    logits=False,
    cfg_options=None,
    int8=None,
):
    """Write a config's whole model, in its deploy form, into a file of another runtime.

    The file is checked on a test image, or on noise where there is none; one for inputs of any
    shape on another shape, too.

    Args:
        config (str | Path): A detection, segmentation or classification config.
        checkpoint (str | Path): Its checkpoint.
        file (str | Path): The file to write; it appears whole or not at all.
        format (str): One of 'onnx', 'openvino', 'litert', 'ncnn', 'coreml', 'mnn',
            'torch-export'.
        shape (tuple[int], optional): Height and width of the input, by default those of the
            config's test images.
        dynamic (Sequence[str]): What may differ: any of 'batch' and 'size'. Defaults to ().
        normalize_inside (bool): Take images as they are loaded, values from 0 to 255. Defaults to
            False.
        logits (bool): Of a segmentor, give logits instead of classes. Defaults to False.
        cfg_options (dict, optional): Overrides of config values. Defaults to None.
        int8 (int, optional): Training images to calibrate 8-bit integers with, of 'onnx',
            'openvino' and 'litert'. Defaults to None: single precision.

    Returns:
        Report: The shape and the difference found.

    Raises:
        FileExistsError: If the file exists.
        FileNotFoundError: If the config or the checkpoint does not exist.
        ImportError: If a package that the format needs is missing.
        ValueError: If the model or an option is not possible (the message says what is), or the
            file's outputs are not PyTorch's.
    """
    file = Path(file)
    check_export(file, format, dynamic)
    if int8 is not None:
        check_int('int8', int8, 1)
        check_quantizer(format)
    if normalize_inside and format == 'ncnn':
        raise ValueError('ncnn normalises images before its file: leave normalize_inside out.')
    config, task = read_config(config, cfg_options)
    if logits and task != 'segmentation':
        raise ValueError(f'logits are an option of segmentation, not of {task}.')
    init_default_scope(config_scope(config))
    model = MODELS.build(config.model)
    size = as_pair('shape', shape, 1) if shape else None
    model_input = ModelInput(config, model, normalize_inside, size)
    images = model_input.calibration(int8) if int8 else None
    meta = load_whole_model(model, checkpoint)
    suppress = SUPPRESS.get(format, suppress_by_operator)
    options = dict(task=task, normalize_inside=normalize_inside, logits=logits)
    copied = deepcopy(model)
    original = whole_model(copied, **options)
    metadata = describe(config, meta, model, task, model_input)
    if task == 'detection' and 'size' in dynamic and test_cfgs(model)[0].get('nms_pre', 0) < 1:
        raise ValueError('for images of any size a detector needs model.test_cfg.nms_pre.')
    target = 'torch' if int8 else _choose_target(format, dynamic)
    exported = whole_model(model, suppress=suppress, target=target, **options)
    image, source = model_input.example()
    check_size(original, copied, image)
    plain = exported.model if normalize_inside else exported
    if isinstance(plain, RawDetector):
        metadata['suppression'] = plain.describe(image)
    with draft_of(file) as draft:
        export_module(exported, image, draft, format, dynamic, metadata, exported.output_names)
        if int8:
            FORMATS[format].quantize(draft, images)
        loaded = load_exported(draft)
        if not FORMATS[format].COMPARED:
            return Report(tuple(image.shape), source, None)
        check = partial(_check, loaded, original, task)
        tolerances = [float('inf')] * 2 if int8 else [TOLERANCE, EDGES_TOLERANCE]
        apart = check(tolerances[0], image, source)
        if dynamic:
            other = _another_shape(image, dynamic, model_input.divisor)
            check(tolerances[1], other, f'{source} in another shape')
    return Report(tuple(image.shape), source, apart)


def _choose_target(format, dynamic):
    target = FORMATS[format].TARGET
    return f'{target}-dynamic' if dynamic and f'{target}-dynamic' in TARGETS else target


def _another_shape(image, dynamic, divisor):
    """Repeat an image's edges, by numbers that differ, and add its mirror image."""
    if 'size' in dynamic:
        image = F.pad(image, (0, 3 * divisor, 0, divisor), mode='replicate')
    return torch.cat([image, image.flip(3)]) if 'batch' in dynamic else image


def _check(exported, original, task, limit, image, name):
    """Return how far a file's outputs are from PyTorch's, and raise if they are too far."""
    with torch.no_grad():
        expected = [output.numpy() for output in original(image)]
    size = tuple(image.shape[2:])
    where = f'{name} ({len(image)} of {size[0]}x{size[1]})'
    try:
        found = exported(image.numpy())
    except Exception as error:
        reason = textwrap.shorten(str(error), 300)
        raise ValueError(f'the file does not run on {where}: {reason}') from error
    apart = difference(found, expected, task, size)
    if not apart <= limit:
        raise ValueError(
            f"the file's outputs differ from PyTorch's by {apart:.1e} on {where}, more than "
            f'{limit}: it was not written.'
        )
    return apart
