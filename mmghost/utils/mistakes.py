"""One line for a user's mistake, where OpenMMLab's packages give a traceback."""

import inspect
import re
import sys
import traceback
from contextlib import contextmanager

from mmengine.registry import OPTIMIZERS, Registry

from .checks import nearest
from .misfits import explain_misfit

_OPTION = re.compile(r"(\S+)\(\) got an unexpected keyword argument '(\w+)'")


def _frames(error):
    return [frame for frame, _ in traceback.walk_tb(error.__traceback__)]


def _parameters(function):
    """Name the parameters of a class or function, a class's bases' where it passes them on."""
    if not inspect.isclass(function):
        return list(inspect.signature(function).parameters)
    names = []
    for cls in function.__mro__:
        if '__init__' in vars(cls) and cls is not object:
            parameters = inspect.signature(cls.__init__).parameters.values()
            names += [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return [name for name in names if name != 'self']


def _called(name, frames):
    """Find what was called: what a registry was building, or else what the name stands for."""
    for frame in reversed(frames):
        built = frame.f_locals.get('obj_cls')
        if inspect.isclass(built) and name in [cls.__name__ for cls in built.__mro__]:
            return built
    for frame in reversed(frames):
        found = frame.f_locals.get(name) or frame.f_globals.get(name)
        if callable(found):
            return found
    return frames[-1].f_locals.get('obj_cls')


def _unknown_option(error):
    match = _OPTION.search(str(error))
    if match is None:
        return None
    called = _called(match[1].split('.')[0], _frames(error))
    if called is None:
        return str(error)
    hint = nearest(match[2], _parameters(called))
    return f'{called.__name__} has no option {match[2]!r}{hint or "."}'


def _unknown_type(error):
    """Name the nearest entry of the registry that did not have a type."""
    found = _frames(error)[-1].f_locals
    registry, name = found.get('registry'), found.get('obj_type')
    if not (isinstance(registry, Registry) and isinstance(name, str)):
        return None
    known, node = [], registry
    while node is not None:
        for entries in (node, *node.children.values()):
            known += entries.module_dict
        node = node.parent
    hint = nearest(name.rpartition('.')[2], known)
    return f'there is no {name!r} in the registry of {registry.name}s{hint or "."}'


def _unknown_optimizer(error):
    """Name the nearest optimizer; mmengine looks at the parameters of what it did not find."""
    for frame in reversed(_frames(error)):
        kind = (frame.f_locals.get('optimizer_cfg') or {}).get('type')
        if isinstance(kind, str) and OPTIMIZERS.get(kind) is None:
            return f'there is no optimizer {kind!r}{nearest(kind, OPTIMIZERS.module_dict) or "."}'
    return None


def explain(error):
    """Say in one line what is wrong.

    Args:
        error (Exception): What was raised.

    Returns:
        str: The reason; for an option or a type that there is not, with the nearest there is.
    """
    misfit = explain_misfit(error)
    if misfit:
        return misfit
    if isinstance(error, TypeError):
        found = _unknown_option(error)
        if found:
            return found
        found = _unknown_optimizer(error)
        if found:
            return found
    if isinstance(error, KeyError):
        found = _unknown_type(error)
        if found:
            return found
        return f'{error.args[0]!r} is missing.' if error.args else 'a key is missing.'
    if isinstance(error, AttributeError) and _is_of_reading_configs(error):
        return 'it holds no dict, as a config does.'
    if isinstance(error, RecursionError):
        return 'it refers to itself, or is nested too deeply.'
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if isinstance(error, SyntaxError):
        files = [frame.f_locals.get('filename') for frame in _frames(error)]
        return f'{next((file for file in files if file), error.filename)}: {error.msg}'
    # What a data worker raised ends with its error
    line = lines[-1] if lines[0].startswith('Caught ') else lines[0]
    built = _built(error)
    return line if built in line else f'{built}: {line}'


def _built(error):
    """Name what a registry was building, or give an empty string."""
    for frame in reversed(_frames(error)):
        if frame.f_code.co_name == 'build_from_cfg' and 'obj_cls' in frame.f_locals:
            return frame.f_locals['obj_cls'].__name__
    return ''


def _is_of_reading_configs(error):
    frames = _frames(error)
    return bool(frames) and frames[-1].f_globals.get('__name__') == 'mmengine.config.config'


def _is_of_an_iteration(error):
    return any(frame.f_code.co_name == 'run_iter' for frame in _frames(error))


@contextmanager
def mistakes_named(subject=None, within_iterations=False):
    """End the program with one line, and exit status 1, where it fails.

    What fails within an iteration is not in what the user gave, and keeps its traceback, unless
    parts of the model do not fit each other. ``python -X dev`` shows the traceback in any case.

    Args:
        subject (str, optional): What the line begins with where it does not name it, a file for
            one. Defaults to None.
        within_iterations (bool): Whether to name what fails within an iteration as well, for
            programs that run no code of the user. Defaults to False.
    """
    try:
        yield
    except Exception as error:
        unexpected = _is_of_an_iteration(error) and not within_iterations
        if unexpected and not explain_misfit(error):
            raise
        if sys.flags.dev_mode:
            traceback.print_exc()
        reason = explain(error)
        named = subject is None or subject in reason
        sys.exit(f'error: {reason}' if named else f'error: {subject}: {reason}')
