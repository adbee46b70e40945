import pytest
import torch
from helpers import randomise
from stubs import Model, image
from torch import nn

from mmghost.layers import GhostModule, GhostModuleV2
from research.figures.ghost_maps import ghost_maps


@pytest.mark.parametrize(('channels', 'ratio'), [(8, 2), (7, 2), (12, 3), (10, 3)])
def test_parts_make_up_the_output(channels, ratio):
    model = randomise(Model(nn.Conv2d(3, 6, 1), GhostModule(6, channels, ratio=ratio)))
    shown = image(12, 10)
    (found,) = ghost_maps(model, shown)
    assert found.layer == 'backbone.1'
    output = model.backbone(shown.inputs)[0].detach()
    made = found.groups.pop('intrinsic')
    torch.testing.assert_close(made, output[: len(made)])
    assert sum(map(len, found.groups.values())) == channels - len(made)
    for ghost, maps in enumerate(found.groups.values()):
        for index, values in enumerate(maps):
            source = len(made) + index * (ratio - 1) + ghost
            torch.testing.assert_close(values, output[source])


def test_attention_is_left_out_and_correlations_are_right():
    model = randomise(Model(GhostModule(3, 6), GhostModuleV2(6, 8, act_cfg=None)))
    shown = image(12, 10)
    (found,) = ghost_maps(model, shown)
    assert found.layer == 'backbone.1'
    ungated = GhostModule.forward(model.backbone[1], model.backbone[0](shown.inputs))[0].detach()
    torch.testing.assert_close(torch.cat(list(found.groups.values())), ungated)
    expected = torch.corrcoef(ungated.flatten(1))[:4, 4:].diag()
    torch.testing.assert_close(found.correlations(), expected)


def test_other_layers_are_shown_whole():
    model = Model(nn.Conv2d(3, 6, 1), nn.ReLU(inplace=True))
    shown = image(12, 10)
    (found,) = ghost_maps(model, shown, ['backbone.0'])
    torch.testing.assert_close(found.groups['output'], model.backbone[0](shown.inputs)[0].detach())
    with pytest.raises(ValueError, match='no Ghost module: name another layer'):
        ghost_maps(model, shown)
