import mmcv.transforms as T
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmghost.deploy.metadata import describe
from mmghost.deploy.model_input import ModelInput
from mmghost.deploy.model_input import test_input_size as input_size


@pytest.mark.parametrize(
    'transform',
    [
        dict(type='Pad', size=(96, 64)),
        dict(type='CenterCrop', crop_size=(48, 32)),
        dict(type='CenterCrop', crop_size=32),
        dict(type='Resize', scale=(96, 64)),
    ],
)
def test_is_that_of_the_transform(transform):
    pipeline = [dict(type='LoadImageFromFile'), transform, dict(type='PackInputs')]
    config = Config(
        dict(
            model=dict(data_preprocessor=dict()),
            test_dataloader=dict(dataset=dict(type='Any', pipeline=pipeline)),
        )
    )
    options = dict(transform)
    image = np.zeros((40, 60, 3), np.uint8)
    made = getattr(T, options.pop('type'))(**options)(dict(img=image))['img']
    assert input_size(config) == made.shape[:2]
    config.model.data_preprocessor.pad_size_divisor = 50
    assert input_size(config) == tuple(-(-side // 50) * 50 for side in made.shape[:2])


def test_joined_and_wrapped_data_sets(load_demo):
    model, config = load_demo('segmentation')
    expected = ModelInput(config, model, False).example()
    classes = config.test_dataloader.dataset.metainfo.classes
    for loader in (config.train_dataloader, config.test_dataloader):
        repeated = dict(type='RepeatDataset', times=2, dataset=loader.dataset)
        loader.dataset = dict(type='ConcatDataset', datasets=[repeated, loader.dataset])
    model_input = ModelInput(config, model, False)
    assert model_input.size == (128, 128)
    image, source = model_input.example()
    assert torch.equal(image, expected[0]) and source == 'the first test image'
    images = list(model_input.calibration(100))
    assert len(images) == 16 and not torch.equal(images[0], images[1])
    assert describe(config, {}, model, 'segmentation', model_input)['classes'] == list(classes)
