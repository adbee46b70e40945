"""Running a file that was exported."""

from pathlib import Path

from mmghost.utils import check_int
from mmghost.utils.inputs import check_input

from .export_module import FORMATS


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
    check_input(file)
    if threads is not None:
        check_int('threads', threads, 1)
    runtime = by_suffix[file.suffix]
    runtime.require_packages(to_export=False)
    return runtime.Exported(file, threads)
