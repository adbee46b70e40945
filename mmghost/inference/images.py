"""The images that a prediction is made on."""

import re
from pathlib import Path

import cv2
from PIL import Image

SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp')

_WEBCAM = re.compile(r'webcam(?::(\d+))?')
_LOG = getattr(cv2.utils, 'logging', cv2)  # OpenCV 4 has the functions at its top
_SILENT = 0
_WARM_UP = 5  # frames in which a webcam finds its exposure


def find_images(sources, folder):
    """Find the images of a prediction.

    Args:
        sources (list[str]): Files, folders, of which the files with an image's suffix are taken,
            and ``webcam`` or ``webcam:N``, for one frame.
        folder (str | Path): Where frames go, as files.

    Returns:
        tuple[dict[str, Path], dict[str, str]]: The files by name, and why other sources have none.
    """
    images, failures = {}, {}
    for source in map(str, sources):
        webcam = _WEBCAM.fullmatch(source)
        try:
            if webcam:
                images[source] = _frame(int(webcam[1] or 0), Path(folder))
            else:
                images |= {str(file): file for file in _files(Path(source))}
        except (OSError, ValueError) as error:
            failures[source] = str(error)
    return images, failures


def _files(source):
    if not source.exists():
        raise FileNotFoundError('there is no such file or folder.')
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise OSError('it is neither a file nor a folder.')
    images = (file for file in source.iterdir() if file.suffix.lower() in SUFFIXES)
    files = sorted(file for file in images if not file.exists() or file.is_file())
    if not files:
        raise ValueError(f'the folder has no image ({", ".join(SUFFIXES)}).')
    return files


def _frame(number, folder):
    """Write a webcam's frame into a folder."""
    log_level = _LOG.getLogLevel()
    _LOG.setLogLevel(_SILENT)
    camera = cv2.VideoCapture(number)
    try:
        for _ in range(_WARM_UP):
            found, frame = camera.read()
    finally:
        camera.release()
        _LOG.setLogLevel(log_level)
    if not found:
        raise OSError(f'OpenCV gets no picture from a webcam {number}.')
    file = folder / f'webcam-{number}.png'
    cv2.imwrite(str(file), frame)
    return file


def check_image(file):
    """Raise a ValueError unless an image is whole; OpenCV would make up what is missing.

    Args:
        file (str | Path): Its file.

    Returns:
        tuple[int, int]: Its width and height in pixels.
    """
    try:
        with Image.open(file) as image:
            image.load()
            return image.size
    except Exception as error:  # each format's decoder has errors of its own
        raise ValueError(f'it is no image that can be read: {error}.') from error
