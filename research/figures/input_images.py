"""Images as a model takes them, and as a picture shows them."""

from pathlib import Path
from typing import NamedTuple

import mmcv
import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS

from mmghost.deploy.metadata import input_channels
from mmghost.utils.inputs import check_input


class InputImage(NamedTuple):
    """An image before a model.

    Attributes:
        name (str): Its file, or its number in the test data.
        pixels (ndarray): What to show, ``(H, W)`` or RGB ``(H, W, 3)``, after the pipeline's
            resizing and cropping and before normalisation and padding; values from 0 to 1.
        inputs (Tensor): What the network takes, ``(1, C, H, W)``, padded at the right and the
            bottom.
        data_samples (list): What comes with it.
    """

    name: str
    pixels: np.ndarray
    inputs: torch.Tensor
    data_samples: list


def input_images(config, model, names):
    """Prepare images as the config's test pipeline does.

    Args:
        config (Config): A whole config.
        model (nn.Module): Its model.
        names (Sequence[str]): Files, or numbers of images in the config's test data, from 0.

    Returns:
        list[InputImage]: The images.

    Raises:
        FileNotFoundError: If a file does not exist, or the test data cannot be read.
        ValueError: If a file is not an image, or there is no test image of a number.
    """
    numbers = [name for name in names if str(name).isdigit()]
    dataset = _test_data(config) if numbers else None
    samples = []
    for name in names:
        if name not in numbers:
            samples.append(_read_file(config, model, name))
        elif int(name) < len(dataset):
            samples.append(dataset[int(name)])
        else:
            raise ValueError(f'there are test images 0 to {len(dataset) - 1}, but no {name}.')
    return [
        _prepare(model, sample, f'test image {name}' if name in numbers else Path(name).name)
        for name, sample in zip(names, samples)
    ]


def _test_data(config):
    try:
        return DATASETS.build(config.test_dataloader.dataset)
    except OSError as error:
        raise FileNotFoundError(
            f"the config's test data cannot be read: give --image FILE ({error})."
        ) from error


def _read_file(config, model, name):
    """Run the test pipeline on a file, without what loads images and annotations in it."""
    check_input(name, 'image')
    flag = 'grayscale' if input_channels(model) == 1 else 'color'
    image = mmcv.imread(str(name), flag)
    if image is None:
        raise ValueError(f'{name} is not an image that can be read.')
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    steps = [step for step in dataset.pipeline if not _name(step).startswith('Load')]
    size = image.shape[:2]
    return Compose(steps)(
        dict(img=image, img_path=str(name), img_id=0, img_shape=size, ori_shape=size)
    )


def _name(step):
    kind = step['type']
    return (kind if isinstance(kind, str) else kind.__name__).split('.')[-1]


def _prepare(model, sample, name):
    pixels = sample['inputs'].permute(1, 2, 0).double().numpy()
    if sample['inputs'].dtype == torch.uint8:
        pixels = pixels / 255
    else:  # a pipeline that normalises by itself
        pixels = (pixels - pixels.min()) / max(np.ptp(pixels), 1e-12)
    pixels = pixels[..., ::-1] if pixels.shape[2] == 3 else pixels[..., 0]
    prepared = model.data_preprocessor(pseudo_collate([sample]), False)
    return InputImage(name, pixels, prepared['inputs'], prepared['data_samples'])
