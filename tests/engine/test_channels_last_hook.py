import pytest
import torch
from mmcv import ops
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from mmghost.backbones import GhostNetV2


class Runner:
    model = GhostNetV2(0.5)


def test_hook_converts_the_model():
    hook = HOOKS.build(dict(type='mmghost.ChannelsLastHook'))
    assert isinstance(hook, Hook)
    weight = Runner.model.stem.conv.weight
    assert not weight.is_contiguous(memory_format=torch.channels_last)
    hook.before_run(Runner)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    out = Runner.model.eval()(torch.randn(1, 3, 64, 64))[0]
    assert out.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    'name, arguments, inputs',
    [
        ('RoIAlign', dict(output_size=3), [torch.tensor([[0, 1.0, 2, 10, 12], [1, 3, 3, 8, 15]])]),
        (
            'DeformConv2d',
            dict(in_channels=8, out_channels=8, kernel_size=1),
            [torch.randn(2, 2, 16, 16)],
        ),
        (
            'ModulatedDeformConv2d',
            dict(in_channels=8, out_channels=8, kernel_size=1),
            [torch.randn(2, 2, 16, 16), torch.rand(2, 1, 16, 16)],
        ),
    ],
)
def test_operators_of_mmcv_read_maps_as_they_are(name, arguments, inputs):
    class Runner:
        model = torch.nn.Sequential(getattr(ops, name)(**arguments))

    operator, maps = Runner.model[0], torch.randn(2, 8, 16, 16)
    expected = operator(maps, *inputs)
    HOOKS.build(dict(type='mmghost.ChannelsLastHook')).before_run(Runner)
    found = operator(maps.to(memory_format=torch.channels_last), *inputs)
    torch.testing.assert_close(found, expected)
