"""A data loader that can begin in the middle, with samples that are those of the whole run."""

from itertools import count, islice

from mmengine.dist import get_dist_info
from torch.utils.data import DataLoader

from .seeding import seed_from


class Draw(int):
    """The index of a sample that is drawn, with its place in the training.

    The place is the iteration and the place in the batch of all processes together.
    """

    def __new__(cls, index, place):
        self = super().__new__(cls, index)
        self.place = place
        return self

    def __getnewargs__(self):
        return int(self), self.place


class SeededDataset:
    """A data set whose samples' randomness depends on the seed and their draw alone.

    So it does not depend on workers, on how they share the work, or on what was drawn before. An
    image that cannot be loaded is named. In all else it is the data set that it is made of.
    """

    def __init__(self, dataset):
        vars(self).update(_dataset=dataset, seed=0)

    def __getattr__(self, name):
        if name.startswith('__') or '_dataset' not in vars(self):
            raise AttributeError(name)
        return getattr(self._dataset, name)

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
        try:
            return self._dataset[index]
        except Exception as error:
            path = self._path_of(index)
            if path is None or path in str(error):
                raise
            raise ValueError(f'{path} cannot be loaded: {error}') from error

    def _path_of(self, index):
        try:
            return self._dataset.get_data_info(index)['img_path']
        except Exception:  # not every data set has that
            return None


class DrawBatches:
    """The batches of a batch sampler from some iteration on, as draws.

    Args:
        batch_sampler (Iterable): What gives the batches of indices.
        endless (bool): Begin again, as another epoch, where they end.
    """

    def __init__(self, batch_sampler, endless):
        self.batch_sampler = batch_sampler
        self.endless = endless
        self.iteration = 0
        self.skipped = 0

    def __getattr__(self, name):
        return getattr(vars(self)['batch_sampler'], name)

    def __len__(self):
        return len(self.batch_sampler)

    def _passes(self):
        for epoch in count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            yield from self.batch_sampler

    def __iter__(self):
        rank, world_size = get_dist_info()
        batches = self._passes() if self.endless else self.batch_sampler
        for iteration, batch in enumerate(islice(batches, self.skipped, None), self.iteration):
            yield [
                Draw(index, (iteration, slot * world_size + rank))
                for slot, index in enumerate(batch)
            ]


class ResumableLoader(DataLoader):
    """A data loader that can begin in the middle.

    Args:
        loader (DataLoader): The one that it stands for, with a batch sampler; it is not used.
        endless (bool): Go on with another epoch where one ends. Defaults to False.
    """

    def __init__(self, loader, endless=False):
        names = (
            'num_workers',
            'collate_fn',
            'pin_memory',
            'timeout',
            'worker_init_fn',
            'multiprocessing_context',
            'generator',
            'prefetch_factor',
            'persistent_workers',
        )
        super().__init__(
            SeededDataset(loader.dataset),
            batch_sampler=DrawBatches(loader.batch_sampler, endless),
            **{name: getattr(loader, name) for name in names},
        )

    def begin_at(self, iteration, skipped, seed):
        """Set where the next pass begins.

        Args:
            iteration (int): The iteration of the training that its first batch is for.
            skipped (int): Batches of the pass that are left out.
            seed (int): The training's seed.
        """
        self.batch_sampler.iteration = iteration
        self.batch_sampler.skipped = skipped
        self.dataset.seed = seed

    def __iter__(self):  # a generator, so that workers start at the first batch
        yield from super().__iter__()
