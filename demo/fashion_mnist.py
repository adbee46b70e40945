"""Fashion-MNIST's idx files: where they are found and how they are read."""

import gzip
import hashlib
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np

from mmghost.utils.files import write_atomically

DEBIAN_PACKAGE = 'dataset-fashion-mnist'
DEBIAN_FOLDER = Path('/usr/share/datasets/fashion-mnist')
DOWNLOAD_FOLDER = Path('data/fashion_mnist')
FILES = {
    'train': ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
    'test': ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
}
HOW_TO_GET = (
    "install Debian's or Ubuntu's package (apt-get install dataset-fashion-mnist), or put the "
    'four idx files of Fashion-MNIST, as they are or as .gz, in a folder and give it with '
    '--source FOLDER'
)

_SHA256 = {  # unpacked, as gzip's bytes differ by who packed them
    'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
    'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
    't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
    't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
}


def _idx_path(folder, name):
    """Return the plain or gzipped idx file of this name in a folder, or None."""
    paths = (folder / name, folder / f'{name}.gz')
    return next((path for path in paths if path.is_file()), None)


def _missing(folder):
    return [name for names in FILES.values() for name in names if _idx_path(folder, name) is None]


def _install_debian_package():
    """Install Debian's Fashion-MNIST where there is apt-get and the user is root."""
    if shutil.which('apt-get') is None or os.geteuid() != 0:
        return
    print(f"Installing Debian's package {DEBIAN_PACKAGE} ...", flush=True)
    for command in (['update'], ['install', '-y', DEBIAN_PACKAGE]):
        subprocess.run(['apt-get', '-q', *command], check=False, capture_output=True)


def _download(folder):
    """Let mmpretrain's own dataset class fetch the files; check what they hold."""
    from mmpretrain.datasets import FashionMNIST

    folder.mkdir(parents=True, exist_ok=True)
    FashionMNIST(data_root=str(folder), split='train', download=True)
    for name, known in _SHA256.items():
        path = _idx_path(folder, name)
        found = hashlib.sha256(_read(path)).hexdigest()
        if found != known:
            path.unlink()
            raise ValueError(f'the SHA-256 of {name} is {found}, not {known}')


def find_fashion_mnist(source=None):
    """Find the folder that holds the four idx files, or get them.

    Looks in ``source`` alone if it is given; otherwise in an earlier download and in Debian's
    package, which it then tries to install, and at last tries mmpretrain's download.

    Args:
        source (str | Path, optional): The folder to use. Defaults to None.

    Returns:
        Path: The folder.

    Raises:
        FileNotFoundError: If no folder has all the files, with the ways to get them.
    """
    if source is not None:
        missing = _missing(Path(source))
        if missing:
            raise FileNotFoundError(
                f'{source} lacks {", ".join(missing)} of Fashion-MNIST: {HOW_TO_GET}.'
            )
        return Path(source)
    for get in (lambda: None, _install_debian_package):
        get()
        for folder in (DOWNLOAD_FOLDER, DEBIAN_FOLDER):
            if not _missing(folder):
                return folder
    try:
        _download(DOWNLOAD_FOLDER)
    except Exception as error:
        raise FileNotFoundError(
            f'Fashion-MNIST is neither in {DOWNLOAD_FOLDER} nor in {DEBIAN_FOLDER}, and could not '
            f'be downloaded ({type(error).__name__}): {HOW_TO_GET}.'
        ) from error
    return DOWNLOAD_FOLDER


def _read(path):
    """Read a plain or gzipped file."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f'{path} is not a whole gzip file: {error}.') from error


def _read_idx(path, dims):
    """Read an idx file of bytes: a magic number, big-endian sizes, and the values."""
    content, start = _read(path), 4 + 4 * dims
    magic = bytes([0, 0, 8, dims])
    if len(content) < start or content[:4] != magic:
        raise ValueError(
            f'{path} must begin with the idx magic number 0x{magic.hex()} and {dims} sizes, '
            f'but begins with {content[:start].hex() or "nothing"}.'
        )
    shape = np.frombuffer(content, '>u4', dims, 4)
    if len(content) - start != shape.prod():
        raise ValueError(
            f'{path} should hold {shape.prod()} bytes of shape {shape.tolist()}, but holds '
            f'{len(content) - start}.'
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_fashion_mnist(folder, split):
    """Read one split of Fashion-MNIST.

    Args:
        folder (str | Path): The folder with the idx files, plain or gzipped.
        split (str): 'train' (60,000 images) or 'test' (10,000).

    Returns:
        tuple[ndarray, ndarray]: uint8 images ``(N, 28, 28)`` and labels ``(N,)``.

    Raises:
        FileNotFoundError, ValueError: If a file is missing, cut short or not idx.
    """
    if split not in FILES:
        raise ValueError(f'split must be one of {list(FILES)}, but got {split!r}.')
    folder = find_fashion_mnist(folder)
    images, labels = (_read_idx(_idx_path(folder, n), d) for n, d in zip(FILES[split], (3, 1)))
    if len(images) != len(labels):
        raise ValueError(f'{folder} has {len(images)} images but {len(labels)} labels.')
    return images, labels


def unpack_fashion_mnist(source, out_dir):
    """Write the four idx files uncompressed, as mmpretrain's FashionMNIST reads them.

    Args:
        source (str | Path): The folder of the idx files, plain or gzipped.
        out_dir (str | Path): Where the plain files go, each whole or not at all.

    Returns:
        bool: Whether any was written; False if all are there already.

    Raises:
        FileNotFoundError, ValueError: If a source file is missing, cut short or not idx.
    """
    out_dir = Path(out_dir)
    missing = [name for names in FILES.values() for name in names if not (out_dir / name).is_file()]
    if not missing:
        return False
    for split in FILES:
        read_fashion_mnist(source, split)
    for name in missing:
        write_atomically(_read(_idx_path(Path(source), name)), out_dir / name)
    return True
