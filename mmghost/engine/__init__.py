from .channels_last_hook import ChannelsLastHook
from .cpu_distributed import support_cpu_distributed
from .rmsprop_tf import RMSpropTF

__all__ = ['ChannelsLastHook', 'RMSpropTF', 'support_cpu_distributed']
