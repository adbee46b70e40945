from .data_sets import DataError
from .launch import Launch
from .reproduce import reproduce
from .tables import find_table, table_names

__all__ = ['DataError', 'Launch', 'find_table', 'reproduce', 'table_names']
