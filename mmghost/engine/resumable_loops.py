"""Training loops whose interrupted runs end as if they had not been interrupted."""

import logging

from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from .resumable_loader import ResumableLoader
from .seeding import seed_from


class _ResumableLoop:
    """What both loops have in common.

    Every iteration seeds the random generators from the seed and its own number, and every sample
    from the seed and the number of its draw. So nothing of them need be stored, and an iteration
    is the same whether the run came to it or began with it.
    """

    def __init__(self, runner, dataloader, *args, **kwargs):
        if isinstance(dataloader, dict):
            dataloader = runner.build_dataloader(
                dataloader,
                seed=runner.seed,
                diff_rank_seed=runner._randomness_cfg.get('diff_rank_seed', False),
            )
        self._built_with = runner.seed
        super().__init__(runner, ResumableLoader(dataloader), *args, **kwargs)

    def run(self):
        """Launch training."""
        # A run without a seed of its own gets that of the checkpoint, after its sampler was built
        sampler = self.dataloader.batch_sampler.sampler
        if getattr(sampler, 'seed', None) == self._built_with:
            sampler.seed = self.runner.seed
        return super().run()

    def run_iter(self, *args):
        """Run one iteration."""
        seed_from(self.runner.seed, self._iter)
        super().run_iter(*args)


class ResumableEpochLoop(_ResumableLoop, EpochBasedTrainLoop):
    """mmengine's EpochBasedTrainLoop, which goes on in the middle of an epoch too."""

    def run(self):
        """Launch training."""
        self._skipped = self._trained_batches()
        self.runner.message_hub.update_info('epoch_length', len(self.dataloader))
        return super().run()

    def _trained_batches(self):
        """Count the batches of the first epoch that were trained before a checkpoint."""
        length = len(self.dataloader)
        done = self._iter - self._epoch * length
        before = self.runner.message_hub.runtime_info.get('epoch_length', length)
        if before == length and 0 <= done <= length:
            return done
        print_log(
            f'An epoch has {length} iterations now, not {before}: the epoch begins anew.',
            logger='current',
            level=logging.WARNING,
        )
        return 0

    def run_epoch(self):
        """Run one epoch, or the rest of it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        batches = self.dataloader.train_batches(self._iter, self._skipped, self.runner.seed)
        for index, data_batch in enumerate(batches, self._skipped):
            self.run_iter(index, data_batch)
        self._skipped = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


class _NoBatches:
    """What mmengine's loop takes batches from, those to skip too where its version skips any."""

    def __iter__(self):
        return self

    def __next__(self):
        return None

    def skip_iter(self, count):
        """Skip batches as OneDL's loop does."""


class ResumableIterLoop(_ResumableLoop, IterBasedTrainLoop):
    """mmengine's IterBasedTrainLoop, which goes on without loading what was trained on."""

    def run(self):
        """Launch training."""
        self._batches = self.dataloader.train_batches(
            self._iter, self._iter, self.runner.seed, endless=True
        )
        self.dataloader_iterator = _NoBatches()
        return super().run()

    def run_iter(self, _):
        """Run one iteration, with the loader's next batch."""
        super().run_iter(next(self._batches))
