import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from mmghost.deploy.runtimes.upsampling import Upsampling


@pytest.mark.parametrize('length', [1, 2, 3, 7, 16])
@pytest.mark.parametrize('target', [1, 2, 5, 7, 14, 15, 33])
def test_bicubic(length, target):
    x = torch.randn(2, 3, length, length + 1).double()
    for size in ((target, 4), (4, target), target):
        expected = F.interpolate(x, size, mode='bicubic')
        with Upsampling(), FlopCounterMode(display=False) as counter:
            found = F.interpolate(x, size, mode='bicubic')
        torch.testing.assert_close(found, expected)
        assert 'aten.bmm' in map(str, counter.get_flop_counts()['Global'])


@pytest.mark.parametrize('length', [1, 3, 4, 7, 16, 62, 119])
def test_nearest(length):
    x = torch.randn(1, 1, length, length)
    for target in range(1, 300):
        expected = F.interpolate(x, (target, 5), mode='nearest')
        with Upsampling(nearest=True):
            assert torch.equal(F.interpolate(x, (target, 5), mode='nearest'), expected)


@pytest.mark.parametrize(
    'options',
    [
        dict(size=7),
        dict(size=(7, 9)),
        dict(scale_factor=2),
        dict(scale_factor=2, mode='bicubic'),
        dict(size=7, mode='bicubic', align_corners=True),
        dict(size=2, mode='bicubic', antialias=True),
        dict(size=7, mode='bilinear', align_corners=False),
    ],
)
def test_every_option(options):
    x = torch.randn(1, 2, 3, 4)
    with Upsampling(nearest=True):
        found = F.interpolate(x, **options)
    assert torch.equal(found, F.interpolate(x, **options))
