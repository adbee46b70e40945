from .formats import FORMATS, check_export, check_quantizer, export_module, load_exported

__all__ = ['FORMATS', 'check_export', 'check_quantizer', 'export_module', 'load_exported']
