"""Fashion-MNIST's idx files: where they are found and how they are read."""

import gzip
import hashlib
import math
import os
import shutil
import struct
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
_IMAGE_MAGIC = 0x00000803
_LABEL_MAGIC = 0x00000801


def _idx_path(folder, name):
    """Return the plain or gzipped idx file of this name in ``folder``, or None."""
    paths = (folder / name, folder / f'{name}.gz')
    return next((path for path in paths if path.is_file()), None)


def _missing(folder):
    return [name for names in FILES.values() for name in names if _idx_path(folder, name) is None]


def _lacks(folder):
    return f'{folder} lacks {", ".join(_missing(Path(folder)))} of Fashion-MNIST: {HOW_TO_GET}.'


def _install_debian_package():
    """Install Debian's Fashion-MNIST where there is apt-get and the user is root."""
    if shutil.which('apt-get') is None or os.geteuid() != 0:
        return
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"Installing Debian's package {DEBIAN_PACKAGE} ...", flush=True)
    for command in (['update'], ['install', '-y', DEBIAN_PACKAGE]):
        subprocess.run(['apt-get', '-q', *command], check=False, **quiet)


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


def local_fashion_mnist():
    """Return the folder of an earlier download or of Debian's package, None if neither is whole."""
    folders = (DOWNLOAD_FOLDER, DEBIAN_FOLDER)
    return next((folder for folder in folders if not _missing(folder)), None)


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
        if _missing(Path(source)):
            raise FileNotFoundError(_lacks(source))
        return Path(source)
    if local_fashion_mnist() is None:
        _install_debian_package()
    folder = local_fashion_mnist()
    if folder is not None:
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


def _read_idx(path, magic, dims):
    """Read an idx file of bytes (big-endian int32 header: magic, then ``dims`` sizes)."""
    content = _read(path)
    header = struct.Struct(f'>{1 + dims}I')
    if len(content) < header.size or header.unpack_from(content)[0] != magic:
        raise ValueError(
            f'{path} must begin with the idx magic number {magic:#010x} and {dims} sizes, '
            f'but begins with {content[: header.size].hex() or "nothing"}.'
        )
    shape = header.unpack_from(content)[1:]
    body = content[header.size :]
    if len(body) != math.prod(shape):
        raise ValueError(
            f'{path} should hold {math.prod(shape)} bytes of shape {shape}, but holds {len(body)}.'
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


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
    paths = [_idx_path(Path(folder), name) for name in FILES[split]]
    if None in paths:
        raise FileNotFoundError(_lacks(folder))
    images, labels = _read_idx(paths[0], _IMAGE_MAGIC, 3), _read_idx(paths[1], _LABEL_MAGIC, 1)
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
