def are_static(*lengths):
    """Tell whether sizes are known, which those of an export for inputs of any size are not."""
    return all(isinstance(length, int) for length in lengths)
