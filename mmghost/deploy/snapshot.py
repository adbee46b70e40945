class Snapshot:
    """Tells whether a tensor is the one that it was, with the same values.

    It keeps the tensor's memory, so that no other tensor can come to be in its place. Changes by
    way of ``.data``, of which PyTorch does not tell, it cannot see.

    Args:
        tensor (Tensor | None): The tensor.
    """

    def __init__(self, tensor):
        self._tensor = tensor
        self._memory = None if tensor is None else tensor.detach()
        self._state = _state(tensor)

    def has_changed(self, tensor):
        """Tell whether another tensor is given, or one with other memory or changed in place."""
        return tensor is not self._tensor or _state(tensor) != self._state


def _state(tensor):
    if tensor is None:
        return None
    return tensor.data_ptr(), None if tensor.is_inference() else tensor._version
