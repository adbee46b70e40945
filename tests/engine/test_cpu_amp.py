import torch
from torch import nn

from mmghost.engine import CPUAmpOptimWrapper


def test_the_forward_pass_is_in_bfloat16_and_the_weights_are_not():
    model = nn.Conv2d(3, 8, 3)
    wrapper = CPUAmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.randn(2, 3, 8, 8))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().square().mean())
    assert model.weight.dtype == torch.float32 and not torch.equal(model.weight, before)
