import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from stubs import Model
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from torch import nn

from research.figures.inputs import input_images, open_model


def build(text, tmp_path, scenes, folders):
    (tmp_path / 'config.py').write_text(filled(text, scenes, folders))
    config = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(config.default_scope)
    return config, MODELS.build(config.model).eval()


@pytest.mark.parametrize(
    ('text', 'size'), [(DETECTION, 128), (SEGMENTATION, 128), (CLASSIFICATION, 32)]
)
def test_a_file_is_prepared_as_a_test_image_is(text, size, tmp_path, scenes, folders):
    config, model = build(text, tmp_path, scenes, folders)
    (numbered,) = input_images(config, model, ['1'])
    file = numbered.data_samples[0].img_path
    (read,) = input_images(config, model, [file])
    assert torch.equal(read.inputs, numbered.inputs)
    assert (read.pixels == numbered.pixels).all()
    assert read.pixels.shape == (size, size, 3) and 0 < read.pixels.max() <= 1
    assert (numbered.name, read.name) == ('test image 1', file.rpartition('/')[2])
    assert model(read.inputs, read.data_samples, mode='tensor') is not None
    if text is SEGMENTATION:  # which does not normalise
        bgr = read.inputs[0].permute(1, 2, 0).numpy() / 255
        assert abs(read.pixels - bgr[..., ::-1]).max() < 1e-6


@pytest.mark.parametrize(
    'damage', [{5: torch.zeros(1)}, b'\x80\x02.', b"cos\nsystem\n(S'exit 1'\ntR."]
)
def test_a_checkpoint_that_is_none_is_a_clear_error(damage, tmp_path, scenes, folders):
    (tmp_path / 'config.py').write_text(filled(CLASSIFICATION, scenes, folders))
    file = tmp_path / 'bad.pth'
    file.write_bytes(damage) if isinstance(damage, bytes) else torch.save(damage, file)
    with pytest.raises(ValueError, match='bad.pth is (no|not)'):
        open_model(tmp_path / 'config.py', file, [])


def test_an_image_of_one_channel(tmp_path, folders):
    pipeline = [dict(type='Resize', scale=48), dict(type='PackInputs')]
    config = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    init_default_scope('mmpretrain')
    model = Model(nn.Conv2d(1, 4, 1))
    model.data_preprocessor = MODELS.build(dict(type='ClsDataPreprocessor', mean=[1], std=[2]))
    (image,) = input_images(config, model, [next((folders / 'val' / '0').iterdir())])
    assert image.inputs.shape == (1, 1, 48, 48) and image.pixels.shape == (48, 48)
