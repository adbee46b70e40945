"""Argument checks whose messages name the argument, its value and what is allowed."""

import math
from difflib import get_close_matches
from numbers import Integral, Real

import torch
from mmengine.registry import MODELS

from .shapes import is_traced


def check_type(name, value, types, allowed):
    """Raise a TypeError unless ``value`` is an instance of ``types``."""
    if not isinstance(value, types):
        raise TypeError(f'{name} must be {allowed}, but got {value!r} ({type(value).__name__}).')


def check_int(name, value, low, high=None):
    """Raise unless ``value`` is an integer from ``low`` to ``high`` (both included)."""
    allowed = f'an integer from {low} to {high}' if high is not None else f'an integer >= {low}'
    if isinstance(value, bool):
        raise TypeError(f'{name} must be {allowed}, but got {value!r} (bool).')
    check_type(name, value, Integral, allowed)
    if value < low or (high is not None and value > high):
        raise ValueError(f'{name} must be {allowed}, but got {value}.')


def check_positive(name, value):
    """Raise unless ``value`` is a finite number above zero."""
    allowed = 'a finite number above 0'
    if isinstance(value, bool):
        raise TypeError(f'{name} must be {allowed}, but got {value!r} (bool).')
    check_type(name, value, Real, allowed)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f'{name} must be {allowed}, but got {value}.')


def check_optional_dict(name, value):
    """Raise a TypeError unless ``value`` is None or a config dict."""
    if value is not None:
        check_type(name, value, dict, 'a dict or None')


def check_layer_cfg(name, value):
    """Raise unless ``value`` is None or the config of a registered layer."""
    if value is None:
        return
    check_type(name, value, dict, 'a dict or None')
    kind = value.get('type')
    if isinstance(kind, str):
        with MODELS.switch_scope_and_registry(None) as registry:
            if registry.get(kind) is None:
                hint = nearest(kind, MODELS.module_dict) or '.'
                raise ValueError(
                    f'{name} must be the config of a layer, but {kind!r} is none{hint}'
                )
    elif kind is None:
        raise ValueError(f'{name} must have a type, but got {value!r}.')
    if kind == 'GN' and 'num_groups' not in value:  # of which mmcv says nothing
        raise ValueError(f'{name} must have num_groups for GN, but got {value!r}.')


def check_module(name, value):
    """Raise a TypeError unless ``value`` is a module."""
    check_type(name, value, torch.nn.Module, 'an nn.Module')


def check_flag(name, value):
    """Raise a TypeError unless ``value`` is a boolean."""
    check_type(name, value, bool, 'True or False')


def check_odd(name, value):
    """Raise unless ``value`` is an odd integer above zero."""
    check_int(name, value, 1)
    if value % 2 == 0:
        raise ValueError(f'{name} must be odd, but got {value}.')


def check_choice(name, value, choices):
    """Raise unless ``value`` is one of ``choices``, numbers of one type."""
    allowed = f'one of {", ".join(map(str, choices))}'
    if isinstance(value, bool):
        raise TypeError(f'{name} must be {allowed}, but got {value!r} (bool).')
    check_type(name, value, type(choices[0]), allowed)
    if value not in choices:
        raise ValueError(f'{name} must be {allowed}, but got {value}.')


def as_pair(name, value, low):
    """Return a pair of integers from ``low`` on: ``value`` itself, or ``value`` twice.

    Raises:
        TypeError, ValueError: If ``value`` is neither an integer nor a pair of integers, or one
            is below ``low``.
    """
    allowed = f'an integer >= {low} or a pair of them'
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if not all(isinstance(item, Integral) and not isinstance(item, bool) for item in pair):
        raise TypeError(f'{name} must be {allowed}, but got {value!r}.')
    if len(pair) != 2 or min(pair) < low:
        raise ValueError(f'{name} must be {allowed}, but got {value}.')
    return pair


def nearest(word, known, cutoff=0.6):
    """Return ", did you mean 'x'?" for the nearest of ``known``, '' where none is near."""
    others = [name for name in map(str, known) if name != str(word)]
    found = get_close_matches(str(word), others, 1, cutoff)
    return f', did you mean {found[0]!r}?' if found else ''


def check_options(name, options, known):
    """Raise a TypeError if one of ``options`` is not ``known``, with the nearest that is."""
    for option in options:
        if option not in known:
            raise TypeError(f'{name} has no option {option!r}{nearest(option, known) or "."}')


def check_images(x, channels):
    """Raise unless ``x`` is a batch of floating point maps of so many channels.

    Nothing here depends on values, and nothing is done in a traced graph.
    """
    if is_traced(x):
        return
    allowed = f'a floating point tensor (N, {channels}, H, W)'
    if not isinstance(x, torch.Tensor):
        raise TypeError(f'the input must be {allowed}, but got a {type(x).__name__}.')
    if not x.is_floating_point():
        raise TypeError(f'the input must be {allowed}, but is {x.dtype}.')
    if x.ndim != 4 or x.shape[1] != channels:
        raise ValueError(f'the input must be {allowed}, but is {tuple(x.shape)}.')
