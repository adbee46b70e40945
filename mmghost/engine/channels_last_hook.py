import torch
from mmengine.hooks import Hook

from mmghost.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep the model's weights, and so its maps, in channels_last memory format.

    The format that convolutions on CPUs, and on GPUs in half precision, are fastest in. Results
    stay the same up to rounding: mmcv's own operators, RoIAlign among them, which would take any
    map for a contiguous one, are given contiguous ones.

    Example:
        >>> custom_hooks = [dict(type='mmghost.ChannelsLastHook')]
    """

    def before_run(self, runner):
        runner.model.to(memory_format=torch.channels_last)
        for module in runner.model.modules():
            if any(base.__module__.startswith('mmcv.ops.') for base in type(module).__mro__):
                module.register_forward_pre_hook(_make_contiguous)


def _make_contiguous(module, inputs):
    return tuple(one.contiguous() if torch.is_tensor(one) else one for one in inputs)
