import os
import pickle
from importlib import import_module

import numpy as np
import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.optim import build_optim_wrapper
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.registry import PARAM_SCHEDULERS, root
from torch import nn

import mmghost  # noqa: F401

TYPES = '?bhilqBHILQefdFDSU'
ARRAYS = [np.zeros((2, 3), code) for code in TYPES if code not in 'SU']
ARRAYS += [np.array(['a', 'bc']), np.array([b'a', b'bc']), np.zeros((11, 3), np.uint8).T]


def saved(content, folder):
    torch.save(content, folder / 'saved.pth')
    return torch.load(folder / 'saved.pth', weights_only=True)


def test_history_buffers_load(tmp_path):
    buffer = HistoryBuffer([0.5, 0.25], [1, 2])
    loaded = saved(dict(buffer=buffer), tmp_path)['buffer']
    assert loaded.mean() == buffer.mean() and loaded.statistics('max') == 0.5


@pytest.mark.parametrize('array', ARRAYS, ids=lambda array: array.dtype.str)
def test_plain_arrays_and_scalars_load(array, tmp_path):
    loaded = saved(dict(array=array, scalar=array.flat[0], dtype=array.dtype), tmp_path)
    assert np.array_equal(loaded['array'], array) and loaded['dtype'] == array.dtype
    assert loaded['scalar'] == array.flat[0] and loaded['scalar'].dtype == array.flat[0].dtype


@pytest.mark.parametrize(
    'array', [np.array([None]), np.zeros(2, [('a', 'i4')]), np.zeros(2, 'V3')], ids=str
)
def test_other_arrays_are_refused(array, tmp_path):
    with pytest.raises(pickle.UnpicklingError):
        saved(array, tmp_path)


def test_parts_of_configs_load(tmp_path):
    plain = dict(ids=range(3), rare=frozenset({1}), root=tmp_path)
    config = Config(dict(metainfo=dict(plain, classes=('a',), groups=[dict(name='b')])))
    loaded = saved(config.metainfo, tmp_path)
    assert loaded.groups[0].name == 'b' and loaded == config.metainfo


SCHEDULERS = {
    'ConstantLR': {},
    'CosineAnnealingLR': dict(T_max=3),
    'CosineRestartLR': dict(periods=[2, 2], restart_weights=[1, 0.5], eta_min=0),
    'ExponentialLR': dict(gamma=0.9),
    'LinearLR': {},
    'MultiStepLR': dict(milestones=[1, 2]),
    'OneCycleLR': dict(eta_max=1, total_steps=5),
    'PolyLR': {},
    'ReduceOnPlateauLR': dict(monitor='loss'),
    'StepLR': dict(step_size=2),
    'mmdet.QuadraticWarmupLR': dict(end=3),
    'mmpretrain.CosineAnnealingWeightDecay': dict(T_max=3),
    'mmseg.PolyLRRatio': {},
}
PACKAGES = ('mmdet', 'mmpretrain', 'mmseg')
# The base class, what wraps another in several processes, and what takes a step of its own
OTHER_OPTIMIZERS = {'Optimizer', 'ZeroRedundancyOptimizer', 'LBFGS', 'Muon', 'SparseAdam'}


def registered(name):
    """Go through what is in a registry of mmengine's, and in those of the packages."""
    yield from getattr(root, name).module_dict.items()
    for package in PACKAGES:
        registry = getattr(import_module(f'{package}.registry'), name)
        registry.import_from_location()
        yield from ((f'{package}.{key}', value) for key, value in registry.module_dict.items())


def test_every_scheduler_is_in_the_table():
    known = {name for name, _ in registered('PARAM_SCHEDULERS')}
    assert {name for name in known if not name.endswith(('Momentum', 'Scheduler'))} == {*SCHEDULERS}


def test_optimizers_load(tmp_path):
    kinds = {name for name, _ in registered('OPTIMIZERS')} - OTHER_OPTIMIZERS
    assert {'SGD', 'AdamW', 'mmpretrain.Lamb'} < kinds
    for kind in sorted(kinds | {'mmghost.RMSpropTF'}):
        model = nn.Linear(2, 1)
        built = build_optim_wrapper(model, dict(optimizer=dict(type=kind, lr=0.1)))
        built.update_params(model(torch.ones(1, 2)).sum())
        assert saved(built.state_dict(), tmp_path).keys() == built.state_dict().keys()


@pytest.mark.parametrize('kind', ['LBFGS', 'Muon', 'SparseAdam'])
def test_optimizers_of_other_steps_load(kind, tmp_path):
    if not hasattr(torch.optim, kind):
        pytest.skip(f'this torch has no {kind}')
    layer = nn.Embedding(3, 2, sparse=True) if kind == 'SparseAdam' else nn.Linear(2, 3, bias=False)
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (layer.weight if kind != 'SparseAdam' else layer(torch.tensor([1]))).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    state = optimizer.state_dict()
    assert state['state'] and saved(state, tmp_path).keys() == state.keys()


def test_a_loss_scaler_loads(tmp_path):
    """AmpOptimWrapper's, which takes a GPU."""
    state = torch.amp.GradScaler('cpu').state_dict()
    assert state and saved(dict(loss_scaler=state), tmp_path) == dict(loss_scaler=state)


def test_what_data_sets_say_of_themselves_loads(tmp_path):
    said = {name: getattr(kind, 'METAINFO', None) for name, kind in registered('DATASETS')}
    assert {'mmdet.CocoDataset', 'mmseg.ADE20KDataset', 'mmpretrain.ImageNet'} < said.keys()
    assert saved(said, tmp_path).keys() == said.keys()


@pytest.mark.parametrize('kind', SCHEDULERS)
@pytest.mark.parametrize('anneal', ['cos', 'linear'])
def test_schedulers_load_and_go_on(kind, anneal, tmp_path):
    def build():
        options = SCHEDULERS[kind]
        if kind == 'OneCycleLR':
            options = dict(options, anneal_strategy=anneal)
        parameters = nn.Linear(2, 1).parameters()
        optimizer = torch.optim.SGD(parameters, lr=1, momentum=0.9, weight_decay=0.1)
        built = PARAM_SCHEDULERS.build(dict(type=kind, optimizer=optimizer, **options))
        optimizer.step()
        return built

    before, after = build(), build()
    before.step(*([dict(loss=1)] if 'Plateau' in kind else []))
    after.load_state_dict(saved(before.state_dict(), tmp_path))
    assert after.state_dict() == before.state_dict()


class Call:
    """What pickle turns into a call of any function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'make',
    [
        lambda path: Call(os.system, f'touch {path}'),
        lambda path: Call(open, str(path), 'w'),
        lambda path: Call(eval, f'open({str(path)!r}, "w")'),
        lambda path: Call(exec, f'open({str(path)!r}, "w")'),
        lambda path: Call(__import__, 'os'),
        lambda path: Call(getattr, Call(__import__, 'os'), 'system'),
        lambda path: Call(getattr, np.ndarray, 'tofile'),
        lambda path: Call(getattr, HistoryBuffer, '__init__'),
        lambda path: Call(getattr, HistoryBuffer, 'register_statistics'),
        lambda path: Call(getattr, Call(getattr, HistoryBuffer, 'mean'), '__globals__'),
        lambda path: Call(pickle.loads, pickle.dumps(Call(os.system, f'touch {path}'))),
        lambda path: Call(np.load, str(path)),
        lambda path: Call(getattr, OneCycleParamScheduler, '__init__'),
        lambda path: Call(getattr, Call(ConfigDict, dict(type='os')), 'build_lazy'),
    ],
)
def test_malicious_checkpoints_are_refused(tmp_path, make):
    file, touched = tmp_path / 'bad.pth', tmp_path / 'touched'
    torch.save(dict(state_dict={}, meta=dict(payload=make(touched))), file)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    assert not touched.exists()


def test_the_default_of_torch_load_is_unchanged(tmp_path):
    torch.save(dict(payload=Call(os.getcwd)), tmp_path / 'bad.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'bad.pth')
