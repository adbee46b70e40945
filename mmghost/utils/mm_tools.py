"""Running the train and test tools of whichever mm package a config is for."""

import importlib.util
import logging
import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from unittest import mock

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner import checkpoint as checkpoint_module

from mmghost.engine import make_resumable, support_cpu_amp

from .check_config import check_config
from .mistakes import explain, mistakes_named

SCOPES = ('mmdet', 'mmseg', 'mmpretrain')
AUTO_SCALE_LR = '--auto-scale-lr'
SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def config_scope(config):
    """Tell which mm package a config is for.

    Args:
        config (Config): A whole config.

    Returns:
        str: 'mmdet', 'mmseg' or 'mmpretrain': its ``default_scope`` or, where that is not set (as
        in pure Python configs), the package of its model.

    Raises:
        ValueError: If neither names one of the three.
    """
    scope = config.get('default_scope')
    if scope is None:
        model_type = config.get('model', {}).get('type', '')
        name = model_type if isinstance(model_type, str) else model_type.__module__
        scope = name.split('.')[0]
    if scope not in SCOPES:
        raise ValueError(
            f'the config is for {scope or "no package"!r}: set default_scope to one of {SCOPES}.'
        )
    return scope


def run_mm_tool(name, description):
    """Run tools/NAME.py of the mm package that the config on the command line is for.

    All further words of the command line are that tool's own.

    Args:
        name (str): 'train' or 'test'.
        description (str): What to print as help if there is no config to ask the package's.
    """
    usage = (
        f'usage: tools/{name}.py CONFIG [OPTIONS]\n\n{description}\n\n'
        f'tools/{name}.py CONFIG --help lists the options, which are those of the package.'
    )
    words = sys.argv[1:]
    if not words or words[0] in ('-h', '--help'):
        sys.exit(usage) if not words else print(usage)
        return
    # Not simply the first word: torch.distributed.launch puts --local-rank before it.
    files = [word for word in words if Path(word).suffix in SUFFIXES and word[0] != '-']
    if not files:
        sys.exit(f'error: no config file ({", ".join(SUFFIXES)}) is given.')
    config_file = Path(files[0])
    if not config_file.is_file():
        sys.exit(f'error: there is no config file {config_file}.')
    with mistakes_named():
        _run(name, config_file)


def _refuse_other_models(error, logger):
    """Raise a ValueError if mmengine found weights missing or of other shapes, else log it."""
    faults = [line for line in str(error).splitlines() if line.startswith(('missing', 'size'))]
    if faults:
        reason = shorten(faults[0], 160, placeholder=' ...')
        raise ValueError(f'it is of another model: {reason}') from error
    print_log(str(error), logger=logger, level=logging.WARNING)


def _scale_learning_rate(config):
    if 'base_batch_size' not in (config.get('auto_scale_lr') or {}):
        raise ValueError(
            f'{AUTO_SCALE_LR} needs auto_scale_lr = dict(base_batch_size=...) in the config: '
            'the batch of all GPUs together that its learning rate is for.'
        )
    config.auto_scale_lr.enable = True


def _load_whole(load, module, state_dict, logger):
    try:
        load(module, state_dict, True, logger)
    except RuntimeError as error:
        _refuse_other_models(error, logger)


@contextmanager
def weights_must_fit():
    """Let mmengine refuse weights of another model, where it would log that and go on."""
    load = checkpoint_module.load_state_dict

    def load_carefully(module, state_dict, strict=False, logger=None):
        _load_whole(load, module, state_dict, logger)

    with mock.patch.object(checkpoint_module, 'load_state_dict', load_carefully):
        yield


def _run(name, config_file):
    try:
        scope = config_scope(Config.fromfile(config_file))
    except Exception as error:
        raise ValueError(f'{config_file}: {explain(error)}') from error
    spec = importlib.util.find_spec(scope)
    if spec is None:
        sys.exit(f'error: {config_file} is for {scope}, which is not installed.')
    script = Path(spec.origin).parent / '.mim' / 'tools' / f'{name}.py'
    if not script.is_file():
        sys.exit(f'error: {scope} is installed without its tools ({script} is missing).')
    training = name == 'train'
    scaling = training and AUTO_SCALE_LR in sys.argv
    words = [word for word in sys.argv[1:] if not (scaling and word == AUTO_SCALE_LR)]
    sys.argv[:] = [str(script), *words]
    with _careful_runner(training, scaling):
        runpy.run_path(str(script), run_name='__main__')


@contextmanager
def _careful_runner(training, scaling):
    """Let mmengine's Runner check configs, go on exactly, and refuse weights of other models.

    Args:
        training (bool): It is to train, not to test.
        scaling (bool): It is to scale the learning rate to the batch, which mmseg's tool has no
            option for.
    """
    build = Runner.from_cfg.__func__
    load = checkpoint_module.load_state_dict
    load_file = Runner.load_checkpoint
    resuming = False

    def build_carefully(cls, config):
        nonlocal resuming
        check_config(config)
        resuming = config.get('resume', False)
        if training:
            config = support_cpu_amp(make_resumable(config))
        if scaling:
            _scale_learning_rate(config)
        return build(cls, config)

    def load_carefully(module, state_dict, strict=False, logger=None):
        if training and not resuming:  # fine-tuning takes what fits
            load(module, state_dict, strict, logger)
            return
        _load_whole(load, module, state_dict, logger)

    def load_file_by_name(self, filename, *args, **kwargs):
        try:
            return load_file(self, filename, *args, **kwargs)
        except Exception as error:
            reason = explain(error)
            raise ValueError(
                reason if str(filename) in reason else f'checkpoint {filename}: {reason}'
            ) from error

    with (
        mock.patch.object(Runner, 'load_checkpoint', load_file_by_name),
        mock.patch.object(Runner, 'from_cfg', classmethod(build_carefully)),
        mock.patch.object(checkpoint_module, 'load_state_dict', load_carefully),
    ):
        yield
