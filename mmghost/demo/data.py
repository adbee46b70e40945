"""The demos' data step: Fashion-MNIST found or installed, and its scenes made."""

import os
import shutil
import subprocess

from mmghost.datasets import find_fashion_mnist, local_fashion_mnist, make_fashion_scenes

DEBIAN_PACKAGE = 'dataset-fashion-mnist'


def install_debian_package():
    """Install Debian's Fashion-MNIST where there is apt-get and the user is root."""
    if shutil.which('apt-get') is None or os.geteuid() != 0:
        return
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"Installing Debian's package {DEBIAN_PACKAGE} ...", flush=True)
    for command in (['update'], ['install', '-y', DEBIAN_PACKAGE]):
        subprocess.run(['apt-get', '-q', *command], check=False, **quiet)


def prepare_scenes(data_root, train_count, val_count, source=None):
    """Make the fashion scenes in ``data_root`` unless they are there.

    Args:
        data_root (str | Path): Where the scenes go.
        train_count (int): Training scenes.
        val_count (int): Validation scenes.
        source (str | Path, optional): Folder of Fashion-MNIST's idx files. Defaults to None.
    """
    if source is None and local_fashion_mnist() is None:
        install_debian_package()
    made = make_fashion_scenes(
        data_root, find_fashion_mnist(source), train_count=train_count, val_count=val_count
    )
    print(f'{data_root}: {"made" if made else "up to date"}', flush=True)
