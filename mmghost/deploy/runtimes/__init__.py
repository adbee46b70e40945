from .formats import FORMATS, check_export, export_module, load_exported

__all__ = ['FORMATS', 'check_export', 'export_module', 'load_exported']
