from mmengine.fileio import LocalBackend, register_backend

from mmghost.utils.files import write_atomically

#: What ``backend_args`` names it by
ATOMIC = 'mmghost.local'


@register_backend(ATOMIC)
class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written whole or not at all.

    Example:
        >>> default_hooks = dict(checkpoint=dict(backend_args=dict(backend='mmghost.local')))
    """

    def put(self, obj, filepath):
        """Write bytes to a file, see :func:`mmghost.utils.files.write_atomically`."""
        write_atomically(obj, filepath)
