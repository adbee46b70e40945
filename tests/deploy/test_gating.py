import pytest
import torch

from mmghost.deploy.packing.gating import (
    MOST_REPEATED,
    block_broadcast_gate,
    can_spread_gate,
    interpolated_gate,
    spread_gate,
)
from mmghost.layers import DFCAttention


@pytest.mark.parametrize('kernel_size', [1, 3, 5, 7])
@pytest.mark.parametrize('size', [(7, 7), (5, 8), (9, 2), (1, 7), (3, 5)])
def test_a_spread_gate_is_the_gate(size, kernel_size):
    attention = DFCAttention(3, 4, kernel_size, scale='hard_sigmoid', norm_cfg=None).double()
    for name, layer in attention.named_children():
        setattr(attention, name, layer.conv)
    x = torch.randn(2, 3, *size, dtype=torch.double)
    with torch.no_grad():
        expected = attention(x)
        assert expected.std() > 1e-3
        assert can_spread_gate(x)
        torch.testing.assert_close(spread_gate(attention, x), expected)


@pytest.mark.parametrize('size', [(8, 6), (3, 3), (2 * MOST_REPEATED, 13), (13, 7)])
def test_other_maps_are_not_spread(size):
    assert not can_spread_gate(torch.empty(1, 1, *size))


@pytest.mark.parametrize('height', [1, 2, 3, 7, 14])
@pytest.mark.parametrize('width', [1, 2, 5, 12])
def test_a_gate_broadcast_over_blocks_is_the_gate_upsampled(height, width):
    features = torch.randn(2, 3, height, width)
    gate = torch.randn(2, 3, max(height // 2, 1), max(width // 2, 1))
    assert torch.equal(block_broadcast_gate(features, gate), interpolated_gate(features, gate))
