import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmghost.deploy import InferenceConv2d
from mmghost.deploy.inference_conv import HAS_XNNPACK


def reference(conv, x, relu):
    out = F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)
    return out.relu() if relu else out


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


OPTIONS = pytest.mark.parametrize(
    'options',
    [
        dict(kernel_size=1, bias=False),
        dict(kernel_size=(1, 5), padding=(0, 2), groups=6),
        dict(kernel_size=5, stride=2, padding=4, dilation=2, groups=6),
        dict(kernel_size=3, stride=2, padding=1),
    ],
)


@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@OPTIONS
def test_is_the_convolution(options, memory_format, relu):
    conv = nn.Conv2d(6, 12, **options)
    packed = InferenceConv2d(conv, relu)
    for size in ((9, 14), (1, 1), (32, 32)):
        x = torch.randn(2, 6, *size).to(memory_format=memory_format)
        with torch.no_grad():
            out = packed(x)
        torch.testing.assert_close(out, reference(conv, x, relu).detach(), rtol=1e-5, atol=1e-5)
    assert list(packed._packed) == ['onednn']


@pytest.mark.parametrize('relu', [True, False])
@OPTIONS
def test_one_image_on_one_thread(options, relu, one_thread):
    conv = nn.Conv2d(6, 12, **options)
    packed = InferenceConv2d(conv, relu)
    for size in ((9, 14), (1, 1), (32, 32)):
        x = torch.randn(1, 6, *size).to(memory_format=torch.channels_last)
        with torch.no_grad():
            out = packed(x)
        assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out, reference(conv, x, relu).detach(), rtol=1e-5, atol=1e-5)
    assert list(packed._packed) == ['xnnpack' if HAS_XNNPACK else 'onednn']


@pytest.mark.parametrize(
    'kernel_size, size, message',
    [(1, (1, 5, 9, 9), '4 channels'), (5, (1, 4, 3, 3), 'greater than actual input')],
)
def test_impossible_inputs_on_one_thread(kernel_size, size, message, one_thread):
    packed = InferenceConv2d(nn.Conv2d(4, 4, kernel_size), relu=False)
    x = torch.randn(size).to(memory_format=torch.channels_last)
    with torch.no_grad(), pytest.raises(RuntimeError, match=message):
        packed(x)


@pytest.mark.parametrize('changed', ['weight', 'bias'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_new_weights_are_seen(memory_format, changed, one_thread):
    packed = InferenceConv2d(nn.Conv2d(4, 8, 1), relu=False)
    x = torch.randn(1, 4, 8, 8).to(memory_format=memory_format)
    with torch.no_grad():
        before = packed(x)
        packed.load_state_dict({changed: torch.randn_like(getattr(packed, changed))}, strict=False)
        assert (packed(x) - before).abs().min() > 0
        torch.testing.assert_close(packed(x), reference(packed, x, False), rtol=1e-5, atol=1e-5)


def set_parameter(conv, weight):
    conv.weight = nn.Parameter(weight)


def set_data(conv, weight):
    conv.weight.data = weight


@pytest.mark.parametrize('replace', [set_parameter, set_data])
@pytest.mark.parametrize('batch', [1, 2])
def test_weights_in_the_memory_of_former_ones_are_seen(replace, batch, one_thread):
    packed = InferenceConv2d(nn.Conv2d(64, 64, 1), relu=False)
    x = torch.randn(batch, 64, 8, 8).to(memory_format=torch.channels_last)
    with torch.no_grad():
        for round in range(30):
            for _ in range(1 + round % 3):
                replace(packed, torch.randn(64, 64, 1, 1))
            torch.testing.assert_close(packed(x), reference(packed, x, False), rtol=1e-4, atol=1e-4)


def test_weights_of_one_call():
    packed = InferenceConv2d(nn.Conv2d(64, 64, 1), relu=False)
    x = torch.randn(2, 64, 8, 8)
    with torch.no_grad():
        for _ in range(20):
            weight = torch.randn(64, 64, 1, 1)
            found = torch.func.functional_call(packed, dict(weight=weight), (x,))
            expected = F.conv2d(x, weight, packed.bias)
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_changes_by_way_of_data_are_seen_after_eval():
    packed = InferenceConv2d(nn.Conv2d(4, 8, 1), relu=False)
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        packed(x)
        packed.weight.data.mul_(2)
        packed.eval()
        torch.testing.assert_close(packed(x), reference(packed, x, False), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(copied):
    packed = InferenceConv2d(nn.Conv2d(4, 8, 1), relu=True)
    x = torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        expected = packed(x)
        again = copied(packed)
        assert torch.equal(again(x), expected)
        again.weight.zero_()
        again.bias.zero_()
        assert not again(x).any()
        assert torch.equal(packed(x), expected)


def test_padding_that_is_named():
    conv = nn.Conv2d(4, 8, 3, padding='same')
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(InferenceConv2d(conv, relu=True)(x), conv(x).relu())


@pytest.mark.parametrize('mode', ['reflect', 'circular'])
def test_padding_with_values(mode):
    conv = nn.Conv2d(4, 8, 3, padding=1, padding_mode=mode)
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(InferenceConv2d(conv, relu=True)(x), conv(x).relu())


def test_function_transforms():
    conv = nn.Conv2d(4, 8, 1)
    packed = InferenceConv2d(conv, relu=False)
    images, direction = torch.randn(3, 2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        found = torch.func.vmap(packed)(images)
        torch.testing.assert_close(found[1], conv(images[1]), rtol=1e-5, atol=1e-5)
        _, change = torch.func.jvp(packed, (images[0],), (direction,))
        expected = F.conv2d(direction, conv.weight)
        torch.testing.assert_close(change, expected, rtol=1e-5, atol=1e-5)


def test_operators_are_counted_as_of_conv2d():
    packed = InferenceConv2d(nn.Conv2d(4, 8, 1), relu=False)
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        packed(x)
    assert counter.get_total_flops() == 2 * 2 * 8 * 8 * 4 * 8


def test_where_no_library_can_be_used():
    conv = nn.Conv2d(4, 8, 1)
    packed = InferenceConv2d(conv, relu=True)
    x = torch.randn(1, 4, 8, 8)
    packed(x).sum().backward()
    assert conv.weight.grad is not None
    with torch.no_grad():
        assert packed(x[:0]).shape == (0, 8, 8, 8)
        assert packed.double()(x.double()).dtype == torch.double
        with torch.autocast('cpu', torch.bfloat16):
            assert packed.float()(x).dtype == torch.bfloat16
    assert not packed._packed
    with torch.inference_mode():
        torch.testing.assert_close(packed(x), reference(conv, x, True), rtol=1e-5, atol=1e-5)
    assert packed._packed
