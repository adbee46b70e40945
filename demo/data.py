"""The demos' data step: Fashion-MNIST found or installed, and what is made of it."""

import os
import shutil
import subprocess

from mmghost.datasets import (
    find_fashion_mnist,
    local_fashion_mnist,
    make_fashion_scenes,
    unpack_fashion_mnist,
)

DEBIAN_PACKAGE = 'dataset-fashion-mnist'


def _install_debian_package():
    """Install Debian's Fashion-MNIST where there is apt-get and the user is root."""
    if shutil.which('apt-get') is None or os.geteuid() != 0:
        return
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"Installing Debian's package {DEBIAN_PACKAGE} ...", flush=True)
    for command in (['update'], ['install', '-y', DEBIAN_PACKAGE]):
        subprocess.run(['apt-get', '-q', *command], check=False, **quiet)


def _find_or_install(source):
    if source is None and local_fashion_mnist() is None:
        _install_debian_package()
    return find_fashion_mnist(source)


def _report(folder, made):
    print(f'{folder}: {"made" if made else "up to date"}', flush=True)


def prepare_scenes(data_root, train_count, val_count, source=None):
    """Make the fashion scenes in ``data_root`` unless they are there.

    Args:
        data_root (str | Path): Where the scenes go.
        train_count (int): Training scenes.
        val_count (int): Validation scenes.
        source (str | Path, optional): Folder of Fashion-MNIST's idx files. Defaults to None.
    """
    made = make_fashion_scenes(
        data_root, _find_or_install(source), train_count=train_count, val_count=val_count
    )
    _report(data_root, made)


def prepare_fashion_mnist(data_root, source=None):
    """Put Fashion-MNIST's plain idx files into ``data_root`` unless they are there.

    Args:
        data_root (str | Path): Where mmpretrain's FashionMNIST will look for them.
        source (str | Path, optional): Folder of the idx files, plain or gzipped.
            Defaults to None.
    """
    _report(data_root, unpack_fashion_mnist(_find_or_install(source), data_root))
