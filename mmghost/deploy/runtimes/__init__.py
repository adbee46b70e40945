from .export_module import FORMATS, export_module
from .load_exported import load_exported

__all__ = ['FORMATS', 'export_module', 'load_exported']
