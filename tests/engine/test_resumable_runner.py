"""What runner_type='mmghost.ResumableRunner' brings, on a model of one layer."""

import errno
import logging
import os
from io import BytesIO
from uuid import uuid4

import pytest
import torch
from mmengine.fileio import BaseStorageBackend, FileClient, LocalBackend, register_backend
from mmengine.fileio.backends import backends
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader, EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn

from mmghost.engine import ResumableRunner
from mmghost.engine.resumable_loops import ResumableEpochLoop, ResumableIterLoop
from mmghost.engine.safe_checkpoint_hook import SafeCheckpointHook
from mmghost.utils import files


class Line(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode):
        return dict(loss=self.layer(torch.stack(inputs)).square().mean())


class Data(list):
    def __getitem__(self, index):
        return dict(inputs=torch.ones(1) * index + torch.rand(1))


def build(
    work_dir, loop=dict(by_epoch=True, max_epochs=2), checkpoint=dict(), accumulated=1, **kwargs
):
    loader = dict(
        dataset=Data(range(6)), batch_size=2, sampler=dict(type='DefaultSampler', shuffle=True)
    )
    torch.manual_seed(0)
    return ResumableRunner(
        model=Line(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=loop,
        optim_wrapper=dict(
            optimizer=dict(type='SGD', lr=0.01, momentum=0.9), accumulative_counts=accumulated
        ),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, **checkpoint)),
        randomness=dict(seed=0),
        experiment_name=uuid4().hex,
        **kwargs,
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)


class TheirLoop(EpochBasedTrainLoop): ...


class TheirHook(CheckpointHook): ...


@pytest.mark.parametrize(
    ('loop', 'expected'),
    [
        (dict(by_epoch=True, max_epochs=1), ResumableEpochLoop),
        (dict(by_epoch=False, max_iters=1), ResumableIterLoop),
        (dict(type='IterBasedTrainLoop', max_iters=1), ResumableIterLoop),
        (dict(type='mmengine.EpochBasedTrainLoop', max_epochs=1), ResumableEpochLoop),
        (dict(type=EpochBasedTrainLoop, max_epochs=1), ResumableEpochLoop),
        (dict(type=TheirLoop, max_epochs=1), TheirLoop),
    ],
)
def test_mmengines_loops_go_on_and_others_stay(loop, expected, tmp_path):
    before = dict(loop)
    built = build(tmp_path, loop).train_loop
    assert type(built) is expected and loop == before
    assert isinstance(built, (EpochBasedTrainLoop, IterBasedTrainLoop))


def test_mistakes_in_a_loop_are_mmengines_to_name(tmp_path):
    with pytest.raises(RuntimeError, match='Only one of `type` or `by_epoch`'):
        _ = build(tmp_path, dict(type='EpochBasedTrainLoop', by_epoch=True)).train_loop
    with pytest.raises(KeyError, match='NoLoop'):
        _ = build(tmp_path, dict(type='NoLoop')).train_loop


def test_mmengines_checkpoint_hook_is_safe_and_others_stay(tmp_path):
    kinds = [type(hook) for hook in build(tmp_path, custom_hooks=[dict(type=TheirHook)]).hooks]
    assert SafeCheckpointHook in kinds and TheirHook in kinds and CheckpointHook not in kinds


class Watch(Hook):
    """Notes which checkpoints there are when one is about to be written."""

    def __init__(self, folder):
        self.folder, self.seen = folder, []

    def before_save_checkpoint(self, runner, checkpoint):
        self.seen.append(sorted(path.name for path in self.folder.glob('*.pth')))


def test_the_oldest_checkpoint_goes_after_the_newest_came(tmp_path):
    watch = Watch(tmp_path)
    loop = dict(by_epoch=True, max_epochs=3)
    runner = build(tmp_path, loop, dict(max_keep_ckpts=1), custom_hooks=[watch])
    runner.train()
    assert watch.seen == [[], ['epoch_1.pth'], ['epoch_2.pth']]
    assert [path.name for path in tmp_path.glob('*.pth')] == ['epoch_3.pth']


def test_the_best_checkpoint_goes_after_a_better_one_came(tmp_path):
    watch = Watch(tmp_path)
    loop = dict(by_epoch=True, max_epochs=3)
    runner = build(tmp_path, loop, dict(save_best='acc', rule='greater'), custom_hooks=[watch])
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, SafeCheckpointHook))
    scores = iter([0.1, 0.3, 0.2])

    class Validate(Hook):
        def after_train_epoch(self, runner):
            hook.after_val_epoch(runner, dict(acc=next(scores)))

    runner.register_hook(Validate())
    runner.train()
    best = [[name for name in seen if name.startswith('best')] for seen in watch.seen]
    assert ['best_acc_epoch_0.pth'] in best and [] in best
    assert [path.name for path in tmp_path.glob('best*')] == ['best_acc_epoch_1.pth']
    assert all(path.stat().st_size for path in tmp_path.glob('*.pth'))


def resumed(work_dir, **kwargs):
    runner = build(work_dir, resume=True, **kwargs)
    runner.train()
    return runner


def test_a_cut_checkpoint_is_passed_over_and_the_end_is_the_same(tmp_path):
    build(tmp_path / 'whole').train()
    build(tmp_path / 'cut').train()
    last = tmp_path / 'cut' / 'epoch_2.pth'
    last.write_bytes(last.read_bytes()[:-100])
    resumed(tmp_path / 'cut')
    one, other = (
        torch.load(tmp_path / name / 'epoch_2.pth', weights_only=True) for name in ('whole', 'cut')
    )
    assert torch.equal(one['state_dict']['layer.weight'], other['state_dict']['layer.weight'])


@pytest.mark.parametrize('iteration', range(1, 6))
def test_accumulated_gradients_are_resumed(iteration, tmp_path):
    options = dict(
        loop=dict(by_epoch=False, max_iters=6), checkpoint=dict(by_epoch=False), accumulated=4
    )
    whole = build(tmp_path / 'whole', **options).train()
    checkpoint = tmp_path / 'whole' / f'iter_{iteration}.pth'
    assert ('accumulated_gradients' in torch.load(checkpoint)) == (iteration != 4)
    runner = resumed(tmp_path / 'part', load_from=str(checkpoint), **options)
    assert torch.equal(runner.model.layer.weight, whole.layer.weight)


def test_where_none_can_be_read_nothing_begins_anew(tmp_path):
    build(tmp_path).train()
    for path in tmp_path.glob('*.pth'):
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='epoch_1.pth: '):
        resumed(tmp_path)
    assert all(path.stat().st_size == 0 for path in tmp_path.glob('*.pth'))


def test_a_new_folder_begins(tmp_path):
    assert resumed(tmp_path / 'new').iter == 6
    assert (tmp_path / 'new' / 'epoch_2.pth').exists()


def test_checkpoints_of_another_folder_are_found(tmp_path):
    other = dict(out_dir=str(tmp_path / 'other'))
    build(tmp_path / 'run', dict(by_epoch=True, max_epochs=1), other).train()
    (tmp_path / 'run' / 'last_checkpoint').unlink()
    runner = resumed(tmp_path / 'run', checkpoint=other)
    data = runner.message_hub.log_scalars['train/loss'].data[0]
    assert len(data) == 6 and (tmp_path / 'other' / 'run' / 'epoch_2.pth').exists()


def test_checkpoints_that_are_no_files_are_resumed(tmp_path, monkeypatch):
    stored = {}

    class Remote(BaseStorageBackend):
        def get(self, filepath): ...

        def get_text(self, filepath): ...

        def put(self, obj, filepath):
            stored[filepath] = obj

        def join_path(self, *parts):
            return '/'.join(parts)

        def list_dir_or_file(self, folder, list_dir, suffix):
            return (path.rpartition('/')[2] for path in stored if path.startswith(f'{folder}/'))

    def load(filename, map_location):
        return torch.load(BytesIO(stored[filename]), map_location, weights_only=True)

    monkeypatch.setitem(backends, 'remote', Remote)
    monkeypatch.setitem(FileClient._prefix_to_backends, 'remote', Remote)
    schemes = {'remote://': load} | CheckpointLoader._schemes
    monkeypatch.setattr(CheckpointLoader, '_schemes', schemes)
    remote = dict(out_dir='remote://here', backend_args=dict(backend='remote'))
    build(tmp_path / 'run', dict(by_epoch=True, max_epochs=1), remote).train()
    runner = resumed(tmp_path / 'run', checkpoint=remote)
    assert len(runner.message_hub.log_scalars['train/loss'].data[0]) == 6
    assert [*stored] == [f'remote://here/run/epoch_{number}.pth' for number in (1, 2)]
    (tmp_path / 'run' / 'last_checkpoint').unlink()
    with pytest.raises(ValueError, match='here/run has epoch_1.pth, epoch_2.pth, but .*load_from'):
        resumed(tmp_path / 'run', checkpoint=remote)


def test_backends_of_others_are_left_to_mmengine(tmp_path):
    written = []

    class Elsewhere(LocalBackend):
        def put(self, obj, filepath):
            written.append(filepath)
            super().put(obj, filepath)

    register_backend('elsewhere', Elsewhere)
    try:
        elsewhere = dict(backend_args=dict(backend='elsewhere'))
        build(tmp_path, checkpoint=elsewhere).train()
        (tmp_path / 'epoch_2.pth').unlink()
        resumed(tmp_path, checkpoint=elsewhere)
    finally:
        del backends['elsewhere']
    assert [os.path.basename(path) for path in written] == ['epoch_1.pth'] + ['epoch_2.pth'] * 2


@pytest.mark.parametrize(
    ('function', 'error'),
    [('chmod', errno.EPERM), ('fsync', errno.EINVAL), ('open', errno.EACCES)],
)
def test_folders_of_networks_keep_the_checkpoint(function, error, tmp_path, monkeypatch):
    def fail(path, *args, **kwargs):
        raise OSError(error, os.strerror(error), path)

    files._warn.cache_clear()
    runner = build(tmp_path)
    monkeypatch.setattr(os, function, fail)
    runner.train()
    monkeypatch.undo()
    assert torch.load(tmp_path / 'epoch_2.pth', weights_only=True)['meta']['epoch'] == 2
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert log.count('cannot be synchronised') == (function != 'chmod')


def test_what_no_checkpoint_has_is_warned_of(tmp_path, caplog):
    from mmdet.datasets.transforms import CachedMosaic
    from mmdet.models import BatchSyncRandomResize

    class Cached(Data):
        transforms = [CachedMosaic()]

    runner = build(tmp_path)
    runner._train_dataloader['dataset'] = Cached(range(6))
    runner.model.data_preprocessor.resize = BatchSyncRandomResize((32, 64))
    runner.logger.addHandler(caplog.handler)
    with caplog.at_level(logging.WARNING):
        _ = runner.train_loop
    said = [line for line in caplog.messages if 'keeps what no checkpoint has' in line]
    assert [line.split()[0] for line in said] == ['BatchSyncRandomResize', 'CachedMosaic']
