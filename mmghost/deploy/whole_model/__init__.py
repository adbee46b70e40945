from .whole_model import whole_model

__all__ = ['whole_model']
