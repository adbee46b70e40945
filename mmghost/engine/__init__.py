from .atomic_backend import AtomicLocalBackend
from .channels_last_hook import ChannelsLastHook
from .compile_backbone_hook import CompileBackboneHook
from .cpu_amp import CPUAmpOptimWrapper
from .cpu_distributed import CPUDistributedDataParallel
from .resumable_runner import ResumableRunner
from .rmsprop_tf import RMSpropTF
from .whole_checkpoints import find_whole_checkpoint

__all__ = [
    'AtomicLocalBackend',
    'CPUAmpOptimWrapper',
    'CPUDistributedDataParallel',
    'ChannelsLastHook',
    'CompileBackboneHook',
    'RMSpropTF',
    'ResumableRunner',
    'find_whole_checkpoint',
]
