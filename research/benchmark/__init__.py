from .agreement import Mismatch
from .measure import Options, benchmark
from .report import check_results_file, describe, read_benchmarks, tables, to_markdown, to_rich

__all__ = [
    'Mismatch',
    'Options',
    'benchmark',
    'check_results_file',
    'describe',
    'read_benchmarks',
    'tables',
    'to_markdown',
    'to_rich',
]
