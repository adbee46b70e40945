"""Outputs of one network's forms, compared before any of them is timed."""

import numpy as np
import torch


class Mismatch(ValueError):
    """Two forms of the same weights give different outputs."""


def largest_difference(found, expected):
    """Tell how far outputs are off.

    Args:
        found, expected (Sequence[Tensor | ndarray]): The outputs.

    Returns:
        float: The largest difference, in parts of the largest absolute value of the same expected
        output; infinity if their number or shapes differ.
    """
    found, expected = ([_as_array(value) for value in values] for values in (found, expected))
    if [value.shape for value in found] != [value.shape for value in expected]:
        return float('inf')
    return max(
        float(np.abs(one - other).max() / np.abs(other).max())
        for one, other in zip(found, expected)
    )


def _as_array(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().float().cpu().numpy()
    return value.astype(np.float64)


def check_agreement(name, found, expected, tolerance):
    """Raise unless outputs are those expected.

    Args:
        name (str): Whose outputs are checked.
        found, expected (Sequence[Tensor | ndarray]): The outputs.
        tolerance (float): The most that :func:`largest_difference` may be.

    Returns:
        float: What it is.

    Raises:
        Mismatch: If it is more, or not a number.
    """
    difference = largest_difference(found, expected)
    if not difference <= tolerance:
        raise Mismatch(
            f'{name} does not give the outputs of the same weights: they are off by '
            f'{difference:.2g} of the largest value, {tolerance:g} are allowed.'
        )
    return difference
