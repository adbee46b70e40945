"""Necks and heads that are made for other maps than those of a model's backbone."""

import re
import traceback

from torch import nn

_CHANNELS = re.compile(r'expected input.* to have (\d+) channels, but got (\d+) channels')
_FEATURES = re.compile(r'shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)')


def explain_misfit(error):
    """Say which part of a model does not fit its backbone.

    Args:
        error (Exception): What was raised in a model's run.

    Returns:
        str | None: The part, and what it takes; None if that is not what is wrong.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    callers = [frame.f_locals.get('self') for frame in frames]
    modules = [caller for caller in callers if isinstance(caller, nn.Module)]
    model = next((module for module in modules if hasattr(module, 'backbone')), None)
    if model is None:
        return None
    parts = {id(part): name for name, part in model.named_children()}
    taker = next((module for module in modules if id(module) in parts), None)
    if taker is None or taker is model.backbone:
        return None
    reason = _reason(error, frames[-1], taker)
    if reason is None:
        return None
    channels = getattr(model.backbone, 'out_channels', None)
    of_maps = f', whose maps have {", ".join(map(str, channels))} channels' if channels else ''
    name = f'{parts[id(taker)]} ({type(taker).__name__})'
    return f'the {name} does not fit the backbone{of_maps}: {reason}.'


def _reason(error, frame, taker):
    message = str(error)
    if match := _CHANNELS.search(message):
        return f'it takes {match[1]} channels where it is given {match[2]}'
    if match := _FEATURES.search(message):
        return f'it takes {match[2]} features where it is given {match[1]}'
    takes_maps = frame.f_code.co_name in ('forward', '_transform_inputs')
    in_taker = takes_maps and frame.f_locals.get('self') is taker
    if in_taker and isinstance(error, (AssertionError, IndexError)):
        return 'it takes another number of maps'
    return None
