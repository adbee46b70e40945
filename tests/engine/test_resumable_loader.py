"""Samples that depend on the seed and their draw alone."""

import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import BatchSampler, DataLoader

from mmghost.engine.resumable_loader import ResumableLoader


class Noise(list):
    """A data set whose samples are their index and a number of each generator."""

    name = 'noise'

    def __getitem__(self, index):
        assert type(index) is int
        return index, random.random(), np.random.rand(), torch.rand(1).item()


def resumable(sampler=DefaultSampler, workers=0, endless=False, seed=5):
    data = Noise(range(10))
    loader = DataLoader(
        data,
        batch_sampler=BatchSampler(sampler(data, seed=seed), 3, drop_last=False),
        num_workers=workers,
        collate_fn=list,
        persistent_workers=workers > 0,
    )
    return ResumableLoader(loader, endless)


def epochs(loader, count=2, done=0, seed=5):
    """Train some epochs of four iterations, from a number of done iterations on."""
    batches = []
    for epoch in range(done // 4, count):
        loader.batch_sampler.sampler.set_epoch(epoch)
        loader.begin_at(max(done, epoch * 4), max(done - epoch * 4, 0), seed)
        batches += loader
    return batches


@pytest.fixture(scope='module')
def whole():
    return epochs(resumable())


# Workers are slow: once a process has run OpenVINO or ONNX Runtime and had workers, its next
# subprocess ends it without a word
SOME_WORKERS = [pytest.param(count, marks=pytest.mark.slow) for count in (1, 2)]


@pytest.mark.parametrize('workers', [0, *SOME_WORKERS])
@pytest.mark.parametrize('done', [0, 1, 4, 7])
def test_any_workers_from_anywhere(workers, done, whole):
    assert epochs(resumable(workers=workers), done=done) == whole[done:]


def test_every_sample_is_drawn_differently_each_time(whole):
    for part in range(1, 4):
        assert len({sample[part] for batch in whole for sample in batch}) == 20
    assert sorted(sample[0] for batch in whole[:4] for sample in batch) == list(range(10))
    assert epochs(resumable(), seed=6) != whole


@pytest.mark.parametrize('sampler', [DefaultSampler, InfiniteSampler])
def test_endless(sampler):
    def take(done):
        loader = resumable(sampler, endless=True)
        loader.begin_at(done, done, 5)
        batches = iter(loader)
        return [next(batches) for _ in range(9 - done)]

    for done in (1, 4, 6):
        assert take(done) == take(0)[done:]


def test_two_processes_draw_what_one_draws(monkeypatch, whole):
    found = []
    for rank in range(2):
        for module in ('mmengine.dataset.sampler', 'mmghost.engine.resumable_loader'):
            monkeypatch.setattr(f'{module}.get_dist_info', lambda rank=rank: (rank, 2))
        loader = resumable()
        loader.batch_sampler.batch_sampler.batch_size = 3
        found.append(epochs(loader, count=1))
    monkeypatch.undo()
    one = resumable()
    one.batch_sampler.batch_sampler.batch_size = 6
    expected = epochs(one, count=1)[0]
    assert sorted(found[0][0] + found[1][0]) == sorted(expected)


def test_it_stands_for_the_data_set():
    loader = resumable()
    data = loader.dataset
    assert len(loader) == 4 and len(data) == 10 and loader.batch_sampler.batch_size == 3
    assert data.name == 'noise'
    data.pipeline = 'another'
    assert data._dataset.pipeline == 'another'
    assert pickle.loads(pickle.dumps(data)).name == 'noise'
    with pytest.raises(AttributeError, match='missing'):
        _ = data.missing
