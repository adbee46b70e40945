import copy

import pytest
import timm
import torch
from helpers import CONFIGS

from research.benchmark.networks import NETWORKS, build_models

FASTER_RCNN = str(CONFIGS / 'detection' / 'faster-rcnn_ghostnet-1.1x_fpn_1x_coco.py')


def test_networks_give_five_maps():
    x = torch.randn(1, 3, 64, 96)
    for model in build_models(NETWORKS, 0.5):
        with torch.no_grad():
            outs = model.module(x)
        assert [out.shape[-2:] for out in outs] == [
            (64 // stride, 96 // stride) for stride in (2, 4, 8, 16, 32)
        ]
        assert all(out.isfinite().all() for out in outs)


@pytest.mark.parametrize(('family', 'width'), [('ghostnet', 0.75), ('ghostnetv2', 0.5)])
def test_mmghosts_have_timms_weights(family, width):
    ours, theirs = build_models([f'mmghost.{family}', f'timm.{family}'], width)
    assert ours.family == theirs.family and (ours.deploys, theirs.deploys) == (True, False)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        for found, expected in zip(ours.module(x), theirs.module(x)):
            assert expected.std() > 0.01
            torch.testing.assert_close(found, expected)


def test_timms_last_map_is_the_end_of_its_last_stage():
    (model,) = build_models(['timm.ghostnet'], 0.5)
    whole = timm.create_model('ghostnet_050').eval()
    whole.load_state_dict(model.module.state_dict(), strict=False)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = whole.blocks[-1](model.module(x)[-1])
        torch.testing.assert_close(found, whole.forward_features(x))


def test_settled_networks_do_not_amplify_rounding():
    (model,) = build_models(['mmghost.ghostnetv2'], 0.5)
    norms = [m for m in model.module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(norm.momentum == 0.1 and not norm.training for norm in norms)
    x = torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        exact = copy.deepcopy(model.module).double()(x.double())
        for found, expected in zip(model.module(x), exact):
            assert (found - expected).abs().max() / expected.abs().max() < 3e-5


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['ghostnetv9'], "no model 'ghostnetv9': give one of mmghost.ghostnetv2, "),
        (['mobilenetv2', 'mobilenetv2'], 'mobilenetv2 is given more than once'),
        (['absent.py'], 'there is no config file absent.py'),
        ([FASTER_RCNN], 'faster-rcnn.* does not run on images alone'),
    ],
)
def test_mistakes_are_named(names, message):
    with pytest.raises((ValueError, OSError), match=message):
        build_models(names)
