import copy

import pytest
import timm.optim
import torch
from mmengine.registry import OPTIMIZERS
from torch import nn


@pytest.mark.parametrize('momentum', [0.0, 0.9])
@pytest.mark.parametrize('weight_decay', [0.0, 0.1])
def test_steps_equal_timms(momentum, weight_decay):
    ours = nn.Linear(5, 3).double()
    theirs = copy.deepcopy(ours)
    settings = dict(lr=0.01, alpha=0.9, eps=0.001, momentum=momentum, weight_decay=weight_decay)
    optimizers = (
        OPTIMIZERS.build(dict(type='mmghost.RMSpropTF', params=ours.parameters(), **settings)),
        timm.optim.RMSpropTF(theirs.parameters(), **settings),
    )
    for step in range(5):
        x = torch.randn(4, 5, dtype=torch.double)
        for model, optimizer in zip((ours, theirs), optimizers):
            for group in optimizer.param_groups:
                group['lr'] = 0.01 / (step + 1)
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()
    for found, expected in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
