import torch
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
