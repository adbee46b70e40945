import pytest
import torch
import torch.nn.functional as F
from mmpretrain.models import VGG, ResNet
from stubs import Model, image
from torch import nn

from mmghost.backbones import GhostNetV2
from research.figures.similarity import (
    feature_similarity,
    first_block,
    fit_kernel,
    most_similar_pairs,
)


def test_a_known_kernel_is_found():
    source = torch.randn(3, 20, 17, dtype=torch.double)
    kernel = torch.randn(5, 5, dtype=torch.double)
    target = F.conv2d(source[:, None], kernel[None, None], padding=2)[:, 0] - 0.5
    for size, around in ((5, 0), (7, 1)):
        found, bias, predicted = fit_kernel(source, target, size)
        torch.testing.assert_close(found, F.pad(kernel, (around,) * 4))
        assert bias.item() == pytest.approx(-0.5)
        torch.testing.assert_close(predicted, target)
    for size in (1, 3):
        assert (fit_kernel(source, target, size)[2] - target).square().mean() > 1


def test_pairs_are_found():
    maps = torch.randn(7, 2, 15, 15, dtype=torch.double)
    maps[4] = 3 - 2 * maps[1] + 0.01 * maps[6]
    maps[5] = maps[1] + 0.5 * maps[6]  # of a map that is in a better pair
    maps[2] = maps[0] + 0.5 * maps[6]
    maps[3] = 1.5
    similar, typical = most_similar_pairs(maps, 2)
    assert [pair[:2] for pair in similar] == [(1, 4), (0, 2)]
    assert similar[0][2] < -0.99 and 0.8 < similar[1][2] < 0.95
    others = [index for index in range(7) if index != 3]
    every = torch.corrcoef(maps[others].flatten(1)).abs()
    values = every[torch.triu_indices(6, 6, 1).unbind()].sort(descending=True).values
    assert abs(typical[2]) == pytest.approx(values[len(values) // 2].item())


def test_errors_are_those_of_the_network_on_all_images():
    torch.manual_seed(1)
    model = Model(nn.Conv2d(3, 4, 3, padding=1))
    images = [image(24, 20) for _ in range(3)]
    found = feature_similarity(model, images, count=1)
    assert found.layer == 'backbone.0' and found.maps.shape == (4, 3, 24, 20)
    maps = torch.cat([model.backbone(each.inputs) for each in images]).detach()
    for pair in found.pairs:
        source, target = maps[:, pair.source], maps[:, pair.target]
        for size, error in pair.errors.items():
            *_, predicted = fit_kernel(source, target, size)
            assert error == pytest.approx((predicted - target).square().mean().item())
        unexplained = 1 - pair.correlation**2
        assert pair.errors[1] == pytest.approx(unexplained * pair.variance)
        assert pair.variance == pytest.approx(target.var(correction=0).item())
        assert list(pair.errors.values()) == sorted(pair.errors.values(), reverse=True)
        assert pair.predicted[3].shape == (24, 20)
    assert [pair.name for pair in found.pairs] == ['red', 'typical']
    summary = found.summary()
    assert summary['maps'] == 4 and summary['pairs'][0]['mse']['1'] == found.pairs[0].errors[1]


@pytest.mark.parametrize(
    ('backbone', 'name'),
    [
        (lambda: GhostNetV2(0.5), 'backbone.stages.0.0'),
        (lambda: ResNet(18), 'backbone.layer1.0'),
        (lambda: VGG(11), 'backbone.features.0.conv'),
    ],
)
def test_first_block(backbone, name):
    model = nn.Module()
    model.backbone = backbone()
    assert first_block(model).startswith(name)


def test_what_cannot_be():
    model = Model(nn.Conv2d(3, 4, 1))
    model.spare = nn.Conv2d(3, 4, 1)
    with pytest.raises(ValueError, match='the images must be of one size'):
        feature_similarity(model, [image(24, 20), image(20, 24)])
    with pytest.raises(ValueError, match="'spare' does not run"):
        feature_similarity(model, [image(9, 9)], 'spare')
    constant = torch.eye(3, dtype=torch.double)[:, :1, None].expand(3, 1, 8).cumsum(2)
    with pytest.raises(ValueError, match='of 3 maps 1 vary'):
        most_similar_pairs(constant, 1)
