from .agreement import Mismatch
from .measure import Options, benchmark
from .report import describe, read_benchmarks, tables, to_markdown, to_rich

__all__ = [
    'Mismatch',
    'Options',
    'benchmark',
    'describe',
    'read_benchmarks',
    'tables',
    'to_markdown',
    'to_rich',
]
