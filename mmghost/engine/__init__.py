from .channels_last_hook import ChannelsLastHook
from .cpu_distributed import support_cpu_distributed

__all__ = ['ChannelsLastHook', 'support_cpu_distributed']
