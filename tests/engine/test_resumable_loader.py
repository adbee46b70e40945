"""Samples that depend on the seed and their draw alone."""

import pickle
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader, IterableDataset

from mmghost.engine.resumable_loader import ResumableLoader


class Noise(list):
    """A data set whose samples are their index and a number of each generator."""

    name = 'noise'

    def __getitem__(self, index):
        assert type(index) is int
        return index, random.random(), np.random.rand(), torch.rand(1).item()


def resumable(sampler=DefaultSampler, workers=0, seed=5, batch_size=3):
    data = Noise(range(10))
    loader = DataLoader(
        data,
        sampler=sampler(data, seed=seed),
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=list,
        persistent_workers=workers > 0,
    )
    return ResumableLoader(loader)


def epochs(loader, count=2, done=0, seed=5):
    """Train some epochs of four iterations, from a number of done iterations on."""
    batches = []
    for epoch in range(done // 4, count):
        loader.sampler.set_epoch(epoch)
        batches += loader.train_batches(max(done, epoch * 4), max(done - epoch * 4, 0), seed)
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


@pytest.mark.parametrize('workers', [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize('sampler', [DefaultSampler, InfiniteSampler])
def test_endless_and_looked_into(sampler, workers):
    """A hook that iterates over the loader neither disturbs the training nor sees its batches."""

    def take(done, look=False):
        loader = resumable(sampler, workers)
        batches = loader.train_batches(done, done, 5, endless=True)
        taken = [next(batches) for _ in range(2)]
        if look:
            inside = iter(loader)
            seen = [next(inside) for _ in range(3)]
            assert len(sum(seen, [])) == 9 and seen[0] not in taken
        return taken + [next(batches) for _ in range(7 - done)]

    for done in (0, 1, 4):
        assert take(done) == take(0)[done:]
    assert take(0, look=True) == take(0)


def test_two_processes_draw_what_one_draws(monkeypatch):
    found = []
    for rank in range(2):
        for module in ('mmengine.dataset.sampler', 'mmghost.engine.resumable_loader'):
            monkeypatch.setattr(f'{module}.get_dist_info', lambda rank=rank: (rank, 2))
        found.append(epochs(resumable(), count=1))
    monkeypatch.undo()
    expected = epochs(resumable(batch_size=6), count=1)[0]
    assert sorted(found[0][0] + found[1][0]) == sorted(expected)


def test_it_answers_what_a_loader_does():
    loader = resumable()
    assert isinstance(loader, DataLoader) and len(loader) == 4
    assert loader.batch_size == 3 and loader.drop_last is False
    assert isinstance(loader.sampler, DefaultSampler)
    assert loader.batch_sampler.sampler is loader.sampler
    assert sorted(sample[0] for batch in loader for sample in batch) == list(range(10))
    data = loader.dataset
    assert isinstance(data, Noise) and len(data) == 10 and data.name == 'noise'
    data.pipeline = 'another'
    assert data._dataset.pipeline == 'another'
    copied = pickle.loads(pickle.dumps(data))
    assert isinstance(copied, Noise) and copied.pipeline == 'another'
    with pytest.raises(AttributeError, match='missing'):
        _ = data.missing


def test_data_without_indices_are_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            yield 1

    with pytest.raises(TypeError, match='needs train_dataloader to give batches'):
        ResumableLoader(DataLoader(Stream()))
