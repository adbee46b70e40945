"""Which data set a config needs, whether it is there and whole, and where it belongs."""

import os
from pathlib import Path
from typing import NamedTuple

CONFIGS_ROOT = 'data'  # what the configs' paths begin with
_SUFFIXES = ('.jpg', '.jpeg', '.png')


class DataError(Exception):
    """No row has its data."""


class DataSet(NamedTuple):
    """A data set as the configs expect it below the root of all data.

    Attributes:
        title (str): Its name.
        folder (str): Below the root.
        files (tuple[str]): What must be there.
        images (dict[str, int]): Folders, and how many images each has at least, with those of its
            own folders.
        source (str): Who has it.
    """

    title: str
    folder: str
    files: tuple
    images: dict
    source: str


DATA_SETS = (
    DataSet(
        'COCO 2017',
        'coco',
        ('annotations/instances_train2017.json', 'annotations/instances_val2017.json'),
        {'train2017': 118287, 'val2017': 5000},
        'https://cocodataset.org',
    ),
    DataSet(
        'ADE20K (SceneParsing)',
        'ade/ADEChallengeData2016',
        (),
        {
            'images/training': 20210,
            'annotations/training': 20210,
            'images/validation': 2000,
            'annotations/validation': 2000,
        },
        'http://sceneparsing.csail.mit.edu',
    ),
    DataSet(
        'ImageNet-1k',
        'imagenet',
        (),
        {'train': 1281167, 'val': 50000},
        'https://image-net.org',
    ),
    DataSet(
        'CIFAR-10 (Python version)',
        'cifar10',
        tuple(
            f'cifar-10-batches-py/{name}'
            for name in (*(f'data_batch_{k}' for k in range(1, 6)), 'test_batch', 'batches.meta')
        ),
        {},
        'https://www.cs.toronto.edu/~kriz/cifar.html',
    ),
)


def _innermost(dataset):
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    return dataset


def data_folder(config):
    """Tell where a config looks for its training data.

    Args:
        config (Config): A whole config.

    Returns:
        Path: As the config has it.
    """
    return Path(_innermost(config.train_dataloader.dataset).get('data_root', ''))


def below_root(folder, data_root):
    """Put a folder of a config below another root than the configs' ``data``.

    Returns:
        Path: ``folder`` itself if it is not below ``data``.
    """
    folder = Path(folder)
    if folder.parts[:1] != (CONFIGS_ROOT,):
        return folder
    return Path(data_root, *folder.parts[1:])


def train_count(config):
    """Count the training images of an epoch, as far as the data set is known.

    Args:
        config (Config): A whole config.

    Returns:
        int | None: Repetitions included; None if it is not known.
    """
    dataset, repeated = config.train_dataloader.dataset, 1
    while 'dataset' in dataset:
        repeated *= dataset.get('times', 1)
        dataset = dataset['dataset']
    if isinstance(dataset.get('indices'), int) and dataset.indices > 0:
        return dataset.indices * repeated
    folder = Path(dataset.get('data_root', '')).parts[1:]
    known = {Path(one.folder).parts: next(iter(one.images.values()), 50000) for one in DATA_SETS}
    return known[folder] * repeated if folder in known else None


def _count_images(folder, enough):
    found = 0
    for _, _, names in os.walk(folder):
        found += sum(name.lower().endswith(_SUFFIXES) for name in names)
        if found >= enough:
            break
    return found


def _faults(data_set, folder):
    if not folder.is_dir():
        return ['it is missing']
    faults = [f'{name} is missing' for name in data_set.files if not (folder / name).is_file()]
    for name, count in data_set.images.items():
        if not (folder / name).is_dir():
            faults.append(f'{name}/ is missing')
            continue
        found = _count_images(folder / name, count)
        if found < count:
            faults.append(f'{name}/ has {found} of {count} images')
    if data_set.folder == 'imagenet' and not faults:
        listed = (folder / 'meta' / 'val.txt').is_file()
        if not listed and not any(path.is_dir() for path in (folder / 'val').iterdir()):
            faults.append('val/ has no folders of classes, and meta/val.txt is missing')
    return faults


def find_faults(folder, data_root):
    """Say what is wrong with the data that a config needs.

    Args:
        folder (Path): As the config has it.
        data_root (str | Path): Where the data is that configs have in ``data``.

    Returns:
        str | None: One line with where it belongs, or None if it is whole.
    """
    place = below_root(folder, data_root)
    for data_set in DATA_SETS:
        if Path(folder).parts == (CONFIGS_ROOT, *Path(data_set.folder).parts):
            faults = _faults(data_set, place)
            if faults:
                reason = '; '.join(faults)
                return f'{data_set.title} belongs in {place} ({data_set.source}): {reason}'
            return None
    return None if place.is_dir() else f'{place} is missing'
