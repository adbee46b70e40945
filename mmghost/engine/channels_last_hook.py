import torch
from mmengine.hooks import Hook

from mmghost.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keep the model's weights, and so its maps, in channels_last memory format.

    The format that convolutions on CPUs, and on GPUs in half precision, are fastest in. Results
    stay the same up to rounding.

    Example:
        >>> custom_hooks = [dict(type='mmghost.ChannelsLastHook')]
    """

    def before_run(self, runner):
        runner.model.to(memory_format=torch.channels_last)
