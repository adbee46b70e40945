import pytest
import torch
import torch.nn.functional as F
from mmghost.deploy.runtimes.exact_nearest import ExactNearest


@pytest.mark.parametrize('length', [1, 3, 4, 7, 16, 62, 119])
def test_takes_what_pytorch_takes(length):
    x = torch.randn(1, 1, length, length)
    for target in range(1, 300):
        expected = F.interpolate(x, (target, 5), mode='nearest')
        with ExactNearest():
            assert torch.equal(F.interpolate(x, (target, 5), mode='nearest'), expected)


def test_takes_every_option():
    x = torch.randn(1, 2, 3, 4)
    for options in (
        dict(size=7),
        dict(size=(7, 9)),
        dict(scale_factor=2),
        dict(size=7, mode='bilinear', align_corners=False),
    ):
        with ExactNearest():
            found = F.interpolate(x, **options)
        assert torch.equal(found, F.interpolate(x, **options))
