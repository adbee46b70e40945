"""Files that other runtimes run: writing a module into one, and running it."""

import json
from pathlib import Path

from mmghost.utils import check_int
from mmghost.utils.inputs import check_input
from mmghost.utils.outputs import check_folder

from ..draft import draft_of
from ..raw_detector import Suppressed
from . import coreml, litert, mnn, ncnn_runtime, onnx_runtime, openvino_runtime, torch_export
from .common import AXES, require, require_exporting_torch

#: What there is for each format: a module with SUFFIX, TARGET (its deploy form), BESIDE
#: (suffixes of more files), DYNAMIC, COMPARED (whether a file is run once it is written, and
#: compared with PyTorch), ``require_packages``, ``write`` and ``Exported``; where a file can
#: compute in 8-bit integers also QUANTIZERS (packages) and ``quantize``.
FORMATS = {
    'onnx': onnx_runtime,
    'openvino': openvino_runtime,
    'litert': litert,
    'ncnn': ncnn_runtime,
    'coreml': coreml,
    'mnn': mnn,
    'torch-export': torch_export,
}


def export_module(module, example, file, format, dynamic=(), metadata=None, output_names=None):
    """Write a module, in evaluation mode, into a file of another runtime.

    Args:
        module (nn.Module): A module with one input, called 'image' in the file, and a tuple of
            tensors as output.
        example (Tensor): An input of shape (N, C, H, W).
        file (str | Path): The file to write, which appears whole or not at all. OpenVINO's weights
            stand beside it, in a .bin file.
        format (str): One of :data:`FORMATS`.
        dynamic (Sequence[str]): What may differ from the example's: any of 'batch' and 'size'.
            Defaults to ().
        metadata (dict, optional): What to keep in the file, anything that JSON can say. Defaults
            to None.
        output_names (Sequence[str], optional): Names of the outputs, 'output_0' and so on by
            default.

    Raises:
        FileExistsError: If the file exists.
        NotADirectoryError, PermissionError: If the file's folder is none, or not to be written to.
        ImportError: If a package that the format needs is missing, or torch is too old.
        ValueError: If the format, its suffix or what is dynamic is not possible.
    """
    file = Path(file)
    check_export(file, format, dynamic)
    text = json.dumps(metadata or {})
    with draft_of(file) as draft:
        FORMATS[format].write(module, example, draft, tuple(dynamic), text, output_names)


def check_export(file, format, dynamic=()):
    """Raise what :func:`export_module` would raise before its work begins."""
    if format not in FORMATS:
        raise ValueError(f'format must be one of {", ".join(FORMATS)}, but got {format!r}.')
    runtime = FORMATS[format]
    if file.suffix != runtime.SUFFIX:
        raise ValueError(f'a file of format {format} ends in {runtime.SUFFIX}, not as {file}.')
    for name in dynamic:
        if name not in AXES:
            raise ValueError(f'dynamic may hold {" and ".join(AXES)}, but got {name!r}.')
        if name not in runtime.DYNAMIC:
            raise ValueError(f'{format} has inputs of fixed shape only: {name} cannot be dynamic.')
    for taken in (file, *(file.with_suffix(suffix) for suffix in runtime.BESIDE)):
        if taken.exists():
            raise FileExistsError(f'{taken} exists: give another name.')
    check_folder(file.parent)
    require_exporting_torch()
    runtime.require_packages()


def check_quantizer(format):
    """Raise unless files of a format can be made to compute in 8-bit integers here.

    Raises:
        ImportError: If a package is missing.
        ValueError: If the format has no such files.
    """
    able = [name for name, runtime in FORMATS.items() if hasattr(runtime, 'quantize')]
    if format not in able:
        raise ValueError(f'8-bit integers are for {", ".join(able)}, not for {format}.')
    require('int8', *FORMATS[format].QUANTIZERS)


def load_exported(file, threads=None):
    """Load an exported file, its suffix telling the format.

    Args:
        file (str | Path): The file.
        threads (int, optional): Threads to run it with, as many as the runtime likes by default.

    Returns:
        Callable: Takes an array of shape (N, C, H, W), float32, gives a list of arrays. Its
        ``metadata`` is what the file holds besides (a dict), its ``input_shape`` a tuple with None
        for what may be of any size, its ``output_names`` a list.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If a package that the format needs is missing.
        ValueError: If the suffix is of no format, or ``threads`` no number of threads.
    """
    file = Path(file)
    by_suffix = {runtime.SUFFIX: runtime for runtime in FORMATS.values()}
    if file.suffix not in by_suffix:
        raise ValueError(f'an exported file ends in one of {", ".join(by_suffix)}, not as {file}.')
    # Core ML's is a folder
    check_input(file / 'Manifest.json' if file.suffix == coreml.SUFFIX else file)
    if threads is not None:
        check_int('threads', threads, 1)
    runtime = by_suffix[file.suffix]
    runtime.require_packages(to_export=False)
    exported = runtime.Exported(file, threads)
    return Suppressed(exported) if 'suppression' in exported.metadata else exported
