import torch


def is_traced(x):
    """Tell whether an input is part of a graph that torch.jit or torch.fx traces."""
    return torch.jit.is_tracing() or isinstance(x, torch.fx.Proxy)


def are_static(*lengths):
    """Tell whether sizes are known, which those of an export for inputs of any size are not."""
    return all(isinstance(length, int) for length in lengths)
