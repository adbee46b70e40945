from .atomic_writes import AtomicLocalBackend, write_atomically, write_checkpoints_atomically
from .channels_last_hook import ChannelsLastHook
from .cpu_amp import CPUAmpOptimWrapper, support_cpu_amp
from .cpu_distributed import support_cpu_distributed
from .make_resumable import make_resumable
from .resumable_loops import ResumableEpochLoop, ResumableIterLoop
from .rmsprop_tf import RMSpropTF
from .safe_checkpoint_hook import SafeCheckpointHook
from .whole_checkpoints import find_whole_checkpoint, resume_from_whole_checkpoints

__all__ = [
    'AtomicLocalBackend',
    'CPUAmpOptimWrapper',
    'ChannelsLastHook',
    'RMSpropTF',
    'ResumableEpochLoop',
    'ResumableIterLoop',
    'SafeCheckpointHook',
    'find_whole_checkpoint',
    'make_resumable',
    'resume_from_whole_checkpoints',
    'support_cpu_amp',
    'support_cpu_distributed',
    'write_atomically',
    'write_checkpoints_atomically',
]
