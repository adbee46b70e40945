from .complexity import count_complexity
from .paper_tables import measure_tables
from .tables_report import summarise, to_markdown, to_rich

__all__ = ['count_complexity', 'measure_tables', 'summarise', 'to_markdown', 'to_rich']
