"""One process that takes itself for several; tests/tools/test_two_processes.py has two."""

import sys

import pytest
import torch
from mmengine.registry import MODEL_WRAPPERS
from torch import distributed, nn

from mmghost.engine import ResumableRunner
from mmghost.engine.cpu_distributed import init_gloo


@pytest.fixture
def gloo(monkeypatch):
    for name in ('RANK', 'LOCAL_RANK'):
        monkeypatch.setenv(name, '0')
    monkeypatch.setenv('WORLD_SIZE', '1')
    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')
    monkeypatch.setenv('MASTER_PORT', '0')
    init_gloo('pytorch', timeout=60)
    yield
    distributed.destroy_process_group()


def test_synchronised_norms_become_plain_ones(gloo, monkeypatch):
    said = []
    module = sys.modules['mmghost.engine.cpu_distributed']
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: said.append(text))
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.SyncBatchNorm(4)))
    before = {name: id(value) for name, value in network.named_parameters()}
    cfg = dict(type='mmghost.CPUDistributedDataParallel', module=network, device_ids=[0])
    wrapped = MODEL_WRAPPERS.build(cfg)
    assert 'each process normalizes its own batch' in said[0]
    assert before == {name: id(value) for name, value in wrapped.module.named_parameters()}
    wrapped(torch.randn(2, 3, 8, 8)).sum().backward()
    assert network[1][0].num_batches_tracked == 1 and network[0].weight.grad is not None


def test_a_backend_for_gpus_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match='env_cfg.dist_cfg.backend=gloo to use CPUs'):
        ResumableRunner(nn.Linear(1, 1), str(tmp_path), launcher='pytorch')
