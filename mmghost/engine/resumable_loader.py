"""A data loader that can begin in the middle, with samples that are those of the whole run."""

from itertools import count, islice

from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader, IterableDataset

from .seeding import seed_from

# Arguments of a DataLoader, besides the data set and what gives its batches
_OPTIONS = (
    'num_workers',
    'collate_fn',
    'pin_memory',
    'timeout',
    'worker_init_fn',
    'multiprocessing_context',
    'generator',
    'prefetch_factor',
    'persistent_workers',
    'pin_memory_device',
)


class Draw(int):
    """The index of a sample that is drawn, with its place in the training.

    The place is a tuple of integers: the iteration and the place in the batch of all processes.
    """

    def __new__(cls, index, place):
        self = super().__new__(cls, index)
        self.place = place
        return self

    def __getnewargs__(self):
        return int(self), self.place


class SeededDataset:
    """A data set whose samples' randomness depends on the seed and their draw alone.

    So it does not depend on workers, on how they share the work, or on what was drawn before. In
    all else, its class too, it is the data set that it is made of.
    """

    def __init__(self, dataset, seed=0):
        vars(self).update(_dataset=dataset, seed=seed)

    @property
    def __class__(self):
        return type(vars(self)['_dataset'])

    def __reduce__(self):
        return SeededDataset, (self._dataset, self.seed)

    def __getattr__(self, name):
        return getattr(vars(self)['_dataset'], name)

    def __setattr__(self, name, value):
        if name == 'seed':
            vars(self)[name] = value
        else:
            setattr(self._dataset, name, value)

    def __len__(self):
        return len(self._dataset)

    def __getitem__(self, index):
        if isinstance(index, Draw):
            seed_from(self.seed, *index.place, every_device=False)
            index = int(index)
        return self._dataset[index]


class DrawBatches:
    """The batches of a batch sampler, as draws.

    Args:
        batch_sampler (Iterable): What gives the batches of indices.
    """

    def __init__(self, batch_sampler):
        self.batch_sampler = batch_sampler
        self.begin_at()

    def begin_at(self, iteration=0, skipped=0, endless=False, mark=()):
        """Set where the next pass begins.

        Args:
            iteration (int): The iteration of the training that its first batch is for.
            skipped (int): Batches of the pass that are left out.
            endless (bool): Begin again, as another epoch, where they end.
            mark (tuple[int]): What the places of its draws end with.
        """
        self._pass = iteration, skipped, endless, mark

    def __getattr__(self, name):
        return getattr(vars(self)['batch_sampler'], name)

    def __len__(self):
        return len(self.batch_sampler)

    def _epochs(self):
        for epoch in count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            yield from self.batch_sampler

    def __iter__(self):
        iteration, skipped, endless, mark = self._pass
        rank, world_size = get_dist_info()
        batches = self._epochs() if endless else self.batch_sampler
        for number, batch in enumerate(islice(batches, skipped, None), iteration):
            yield [
                Draw(index, (number, slot * world_size + rank, *mark))
                for slot, index in enumerate(batch)
            ]


class ResumableLoader(DataLoader):
    """A data loader that can begin in the middle.

    Whoever iterates over it, as a hook may do, gets an epoch's batches, and the training's are not
    disturbed. It answers what the loader does that it is made of.

    Args:
        loader (DataLoader): The one that it stands for; it is not used.

    Raises:
        TypeError: If the data set has no indices to draw.
    """

    def __init__(self, loader):
        if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
            raise TypeError(
                'mmghost.ResumableRunner needs train_dataloader to give batches of a data set that '
                'has indices: leave runner_type out to train with this one.'
            )
        self._options = {name: getattr(loader, name) for name in _OPTIONS}
        super().__init__(
            SeededDataset(loader.dataset),
            batch_sampler=DrawBatches(loader.batch_sampler),
            **self._options,
        )
        # Not by setattr, which refuses them where there is a batch sampler
        vars(self).update(
            batch_size=loader.batch_size, drop_last=loader.drop_last, sampler=loader.sampler
        )
        self.iteration = 0

    def train_batches(self, iteration, skipped, seed, endless=False):
        """Give the training's batches.

        Args:
            iteration (int): The iteration that the first of them is for.
            skipped (int): Batches before it.
            seed (int): The training's seed.
            endless (bool): Go on with another epoch where one ends. Defaults to False.

        Yields:
            Any: A batch, as the loader that it stands for gives it.
        """
        self.dataset.seed = seed
        self.batch_sampler.begin_at(iteration, skipped, endless)
        for self.iteration, batch in enumerate(super().__iter__(), iteration):
            yield batch

    def __iter__(self):
        batches = DrawBatches(self.batch_sampler.batch_sampler)
        batches.begin_at(mark=(self.iteration,))
        options = dict(self._options, persistent_workers=False)  # those are the training's
        yield from DataLoader(self.dataset, batch_sampler=batches, **options)
