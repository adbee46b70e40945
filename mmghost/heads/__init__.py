from .lraspp_head import LRASPPHead
from .ssd_head import SSDHead

__all__ = ['LRASPPHead', 'SSDHead']
