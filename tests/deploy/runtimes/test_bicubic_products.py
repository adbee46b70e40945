import pytest
import torch
import torch.nn.functional as F
from mmghost.deploy.runtimes.bicubic_products import BicubicProducts
from torch.utils.flop_counter import FlopCounterMode


@pytest.mark.parametrize('length', [1, 2, 3, 7, 16])
@pytest.mark.parametrize('target', [1, 2, 5, 7, 14, 15, 33])
def test_gives_what_pytorch_gives(length, target):
    x = torch.randn(2, 3, length, length + 1).double()
    for size in ((target, 4), (4, target), target):
        expected = F.interpolate(x, size, mode='bicubic')
        with BicubicProducts(), FlopCounterMode(display=False) as counter:
            found = F.interpolate(x, size, mode='bicubic')
        torch.testing.assert_close(found, expected)
        assert 'aten.bmm' in map(str, counter.get_flop_counts()['Global'])


def test_takes_every_option():
    x = torch.randn(1, 2, 3, 4)
    for options in (
        dict(size=7),
        dict(scale_factor=2, mode='bicubic'),
        dict(size=7, mode='bicubic', align_corners=True),
        dict(size=2, mode='bicubic', antialias=True),
        dict(size=(7, 9), mode='bilinear', align_corners=False),
    ):
        with BicubicProducts():
            found = F.interpolate(x, **options)
        assert torch.equal(found, F.interpolate(x, **options))
