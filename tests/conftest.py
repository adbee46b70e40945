import gc
import gzip
import os
from functools import cache

# Side by side, the workers of pytest-xdist must not all use every core: before torch is imported
if 'PYTEST_XDIST_WORKER' in os.environ:
    os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch
from mmengine.fileio import load

# Looking for garbage among the objects of torch and of the packages takes 8 % of the tests' time
gc.set_threshold(100_000, 50, 1000)


@pytest.fixture(scope='session', autouse=True)
def mmengine_in_haste():
    """Spare what takes mmengine seconds and changes nothing.

    For each ``package::config`` it reads the metafiles of all of the package's configs; the configs
    that it writes, it lays out.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmengine.config.utils.load', cache(load))
        # By the name of official mmengine's config module and by that which OneDL's imports late
        for module in ('mmengine.config.config', 'yapf.yapflib.yapf_api'):
            name = f'{module}.FormatCode'
            patch.setattr(name, lambda text, **style: (text, True), raising=False)
        yield


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def _write_idx(path, content, magic):
    header = np.array([magic, *content.shape], '>i4').tobytes()
    with gzip.open(path, 'wb') as file:
        file.write(header + content.astype(np.uint8).tobytes())


@pytest.fixture(scope='session')
def idx_folder(tmp_path_factory):
    """A folder of idx files in Fashion-MNIST's format: 40 training and 20 test articles."""
    folder = tmp_path_factory.mktemp('idx')
    rng = np.random.default_rng(0)
    for prefix, count in (('train', 40), ('t10k', 20)):
        images = np.zeros((count, 28, 28))
        images[:, 4:24, 6:22] = rng.integers(60, 256, (count, 20, 16))
        _write_idx(folder / f'{prefix}-images-idx3-ubyte.gz', images, 0x803)
        _write_idx(folder / f'{prefix}-labels-idx1-ubyte.gz', np.arange(count) % 10, 0x801)
    return folder


@pytest.fixture(scope='session')
def scenes(tmp_path_factory, idx_folder):
    """A small data set of scenes."""
    from demo.fashion_scenes import make_fashion_scenes

    folder = tmp_path_factory.mktemp('data') / 'scenes'
    make_fashion_scenes(folder, idx_folder, train_count=8, val_count=4)
    return folder


@pytest.fixture(scope='session')
def folders(tmp_path_factory, idx_folder):
    """Articles as pictures, a folder a class, for mmpretrain's CustomDataset."""
    import cv2

    from demo.fashion_mnist import read_fashion_mnist

    root = tmp_path_factory.mktemp('folders')
    for split, source in (('train', 'train'), ('val', 'test')):
        for index, (image, label) in enumerate(zip(*read_fashion_mnist(idx_folder, source))):
            folder = root / split / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / f'{index}.png'), cv2.resize(image, (32, 32)))
    return root
