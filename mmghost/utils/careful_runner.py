"""mmengine's Runner, made to refuse what it would let pass."""

import logging
from contextlib import contextmanager
from textwrap import shorten
from unittest import mock

from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner import checkpoint as checkpoint_module

from mmghost.engine import make_resumable, support_cpu_amp

from .check_classes import check_classes
from .check_config import check_config
from .mistakes import explain

AUTO_SCALE_LR = '--auto-scale-lr'


def _refuse_other_models(error, logger):
    """Raise a ValueError if mmengine found weights missing or of other shapes, else log it."""
    lines = str(error).splitlines()
    forms = [line for line in lines if line.startswith('the weights')]
    if forms:
        raise ValueError(forms[0]) from error
    faults = [line for line in lines if line.startswith(('missing', 'size'))]
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


@contextmanager
def careful_runner(training, scaling):
    """Let mmengine's Runner check configs, go on exactly, and refuse weights of other models.

    Args:
        training (bool): It is to train, not to test.
        scaling (bool): It is to scale the learning rate to the batch, which mmseg's tool has no
            option for.
    """
    build = Runner.from_cfg.__func__
    load = checkpoint_module.load_state_dict
    load_file = Runner.load_checkpoint
    build_loop = Runner.build_train_loop
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

    def build_loop_of_fitting_data(self, loop):
        built = build_loop(self, loop)
        check_classes(self.model, built.dataloader.dataset)
        return built

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
        mock.patch.object(Runner, 'build_train_loop', build_loop_of_fitting_data),
        mock.patch.object(Runner, 'from_cfg', classmethod(build_carefully)),
        mock.patch.object(checkpoint_module, 'load_state_dict', load_carefully),
    ):
        yield
