"""Synchronised batch norm in two processes on CPUs against BatchNorm on the batches of both."""

import pytest
import torch
from mmghost.engine.cpu_sync_batch_norm import CPUSyncBatchNorm, convert_sync_batch_norms
from torch import distributed, multiprocessing, nn

SIZES = (3, 5)  # of the processes' batches


def batches(*shape):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(size, 4, *shape, generator=generator).double() for size in SIZES]


def weights_of_sum(x):
    return torch.arange(x.numel(), dtype=x.dtype).reshape(x.shape).sin()


def norm_of(cls, **options):
    norm = cls(4, **options).double()
    if norm.affine:
        with torch.no_grad():
            norm.weight.copy_(torch.linspace(0.5, 2, 4))
            norm.bias.copy_(torch.linspace(-1, 1, 4))
    return norm


def gradients(norm, x):
    x.requires_grad_()
    out = norm(x)
    (out * weights_of_sum(x)).sum().backward()
    return dict(out=out.detach(), gradient=x.grad, state=norm.state_dict()), [
        parameter.grad for parameter in norm.parameters()
    ]


CASES = {
    'maps': ((6, 7), dict()),
    'vectors, averaged, not affine': ((), dict(momentum=None, affine=False)),
}


def run_process(rank, folder):
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2
    )
    found = {
        name: gradients(norm_of(CPUSyncBatchNorm, **options), batches(*shape)[rank])
        for name, (shape, options) in CASES.items()
    }
    torch.save(found, f'{folder}/{rank}.pt')
    distributed.destroy_process_group()


@pytest.fixture(scope='module')
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp('processes')
    multiprocessing.spawn(run_process, (folder,), nprocs=2)
    return [torch.load(folder / f'{rank}.pt') for rank in range(2)]


@pytest.mark.parametrize('name', CASES)
def test_two_processes_are_one_batch(two_processes, name):
    shape, options = CASES[name]
    together = torch.cat(batches(*shape)).requires_grad_()
    norm = norm_of(nn.BatchNorm2d if shape else nn.BatchNorm1d, **options)
    parts = norm(together).split(SIZES)
    sum((part * weights_of_sum(part)).sum() for part in parts).backward()

    found, of_parameters = zip(*(process[name] for process in two_processes), strict=True)
    for process, part, gradient in zip(found, parts, together.grad.split(SIZES), strict=True):
        torch.testing.assert_close(process['out'], part.detach())
        torch.testing.assert_close(process['gradient'], gradient)
        torch.testing.assert_close(process['state'], norm.state_dict())
    for parameter, *shares in zip(norm.parameters(), *of_parameters, strict=True):
        torch.testing.assert_close(sum(shares), parameter.grad)


def test_conversion_keeps_parameters_and_statistics():
    network = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Sequential(norm_of(nn.SyncBatchNorm)))
    before = {name: id(value) for name, value in network.named_parameters()}
    convert_sync_batch_norms(network)
    assert type(network[1][0]) is CPUSyncBatchNorm
    assert before == {name: id(value) for name, value in network.named_parameters()}
    network.double()(batches(6, 7)[0])
    assert network[1][0].num_batches_tracked == 1


def test_evaluation_and_one_process_are_torchs():
    x = batches(6, 7)[0]
    for training in (True, False):
        synchronised, plain = norm_of(CPUSyncBatchNorm), norm_of(nn.BatchNorm2d)
        for norm in (synchronised, plain):
            norm.train(training)
        assert torch.equal(synchronised(x), plain(x))
