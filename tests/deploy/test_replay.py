import copy
import pickle
import threading

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.deploy import replay
from mmghost.deploy.inference_conv import HAS_XNNPACK
from mmghost.deploy.recording import NotRecordable, Recording


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def deployed(backbone_class=GhostNetV2, width=0.5, **options):
    backbone = backbone_class(width, **{**dict(out_indices=(0, 1, 2, 3, 4)), **options})
    backbone.switch_to_deploy()
    return backbone.to(memory_format=torch.channels_last)


def image(*size, batch=1):
    return torch.randn(batch, 3, *size).to(memory_format=torch.channels_last)


def recordings(backbone):
    return backbone._replay.recordings


def warmed_up(backbone, *images):
    with torch.no_grad():
        for _ in range(2):
            for x in images:
                backbone(x)
    assert len(recordings(backbone)) == len(images)
    return backbone


def assert_equal(outs, expected):
    assert len(outs) == len(expected)
    assert all(map(torch.equal, outs, expected))


@pytest.mark.parametrize(
    'threads, batch, memory_format',
    [
        (1, 1, torch.channels_last),
        (1, 1, torch.contiguous_format),
        (1, 3, torch.channels_last),
        (2, 1, torch.channels_last),
    ],
)
@pytest.mark.parametrize('guard', [torch.no_grad, torch.inference_mode])
def test_repeats_the_network(threads, batch, memory_format, guard):
    torch.set_num_threads(threads)
    backbone = deployed()
    x = image(64, 64, batch=batch).to(memory_format=memory_format)
    warmed_up(backbone, x)
    for _ in range(3):
        x = torch.randn_like(x)
        with guard():
            assert_equal(backbone(x), backbone._maps(x))


@pytest.mark.parametrize(
    'backbone_class, options',
    [
        (GhostNet, dict(out_indices=(2, 5))),
        (GhostNetV2, dict(width=1.3)),
        (GhostNetV2, dict(output_stride=8)),
        (GhostNetV2, dict(enhance='both', out_indices=(0,))),
        (GhostNetV2, dict(attention_cfg=dict(type='mmghost.DFCAttention', pool='max'))),
        (GhostNetV2, dict(act_cfg=dict(type='HSwish'))),
        (GhostNetV2, dict(norm_cfg=dict(type='GN', num_groups=2))),
    ],
)
def test_forms_of_the_network(backbone_class, options):
    backbone = deployed(backbone_class, **options)
    images = [image(*size) for size in ((64, 64), (33, 49), (1, 1))]
    warmed_up(backbone, *images)
    with torch.no_grad():
        for x in images:
            x = torch.randn_like(x)
            assert_equal(backbone(x), backbone._maps(x))


def test_outputs_are_not_overwritten():
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    with torch.no_grad():
        first = backbone(x)
        kept = [out.clone() for out in first]
        backbone(image(64, 64))
    assert_equal(first, kept)


def test_an_input_is_not_overwritten():
    class Double(nn.Module):
        def forward(self, x):
            return (x[:, :, :2, :2] * 2 + x[:, :, :2, :2].mul(3),)

    x = image(2, 2)
    recording = Recording(Double(), x, ())
    kept = x.clone()
    torch.testing.assert_close(recording(x)[0], kept * 5)
    assert torch.equal(x, kept)


@pytest.mark.parametrize(
    'run',
    [
        lambda y, x: y[:, :1] + x,
        lambda y, x: y * y.transpose(2, 3),
        lambda y, x: y[:, :2] + y[:, 1:3],
        lambda y, x: y.bfloat16() + x,
        lambda y, x: y[:, :1].expand_as(x) * 2,
        lambda y, x: y * y + y,
        lambda y, x: (y.transpose(2, 3) + x).flatten(2).mul(2),
        lambda y, x: x.transpose(2, 3).add(y).sigmoid(),
        lambda y, x: y.flatten(2).sigmoid().unflatten(2, (3, 3)) + y,
    ],
)
def test_what_is_read_is_not_overwritten(run):
    def network(x):
        return (run(x.sigmoid(), x),)

    x = image(3, 3, batch=2)
    with torch.no_grad():
        recording = Recording(network, x, ())
        x = torch.randn_like(x)
        assert_equal(recording(x), network(x))


def change_in_place(backbone):
    backbone.stages[1][0].ghost1.primary_conv.conv.weight.mul_(2)


def change_parameter(backbone):
    conv = backbone.stages[1][0].ghost1.primary_conv.conv
    conv.weight = nn.Parameter(conv.weight * 2)


def change_data(backbone):
    conv = backbone.stages[1][0].ghost1.primary_conv.conv
    conv.weight.data = conv.weight.data * 2


def change_module(backbone):
    backbone.stages[2][1].depthwise = nn.Hardtanh(0, 0.1)


@pytest.mark.parametrize('change', [change_in_place, change_parameter, change_data, change_module])
def test_changes_are_seen(change):
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    with torch.no_grad():
        before = backbone(x)
        change(backbone)
        after = backbone(x)
        assert not torch.equal(before[-1], after[-1])
        assert_equal(after, backbone._maps(x))
        backbone(x)
        assert len(recordings(backbone)) == 1
        assert_equal(backbone(x), after)


def test_other_changes_are_seen_after_eval():
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    with torch.no_grad():
        for weight in backbone.parameters():
            weight.data.copy_(weight * 1.5)  # as mmengine's EMAHook does
        backbone.eval()
        for _ in range(3):
            assert_equal(backbone(x), backbone._maps(x))
        backbone.stages[2][0].ghost1.attention.scale = 'clip'
        backbone.eval()
        for _ in range(3):
            assert_equal(backbone(x), backbone._maps(x))


def test_other_outputs():
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    with torch.no_grad():
        backbone.out_indices = (1,)
        assert_equal(backbone(x), backbone._maps(x))


def test_training_is_not_recorded():
    x = image(64, 64)
    backbone = warmed_up(deployed(act_cfg=dict(type='RReLU')), x)
    backbone.train()
    with torch.no_grad():
        outs = [backbone(x)[-1] for _ in range(3)]
    assert not recordings(backbone)
    assert not any(map(torch.equal, outs, outs[1:]))


def test_hooks_are_called():
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    seen = []
    hook = backbone.stages[1].register_forward_hook(lambda *found: seen.append(found[2]))
    with torch.no_grad():
        outs = backbone(x)
        assert torch.equal(seen[0], outs[1])
        hook.remove()
        assert_equal(backbone(x), outs)
    assert len(seen) == 1


def test_a_forward_put_in_later_is_called():
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    block = backbone.stages[1][0]
    block.forward = lambda x: 3 * block._forward(x)
    with torch.no_grad():
        assert_equal(backbone(x), backbone._maps(x))


def test_what_is_not_a_number_is_recorded():
    x = image(64, 64)
    x[0, 0, 30, 30] = float('nan')
    backbone = warmed_up(deployed(), x)
    with torch.no_grad():
        assert len(recordings(backbone)) == 1
        x = image(64, 64)
        assert_equal(backbone(x), backbone._maps(x))


def test_where_pytorch_does_more_than_inference():
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    with FlopCounterMode(display=False) as counter:
        assert backbone(x)[-1].requires_grad
    flops = counter.get_total_flops()
    with torch.no_grad():
        expected = backbone(x)
        with torch.autocast('cpu'):
            assert backbone(x)[-1].dtype == torch.bfloat16
        traced = torch.jit.trace(backbone, x)
        assert not any('prepacked' in node.kind() for node in traced.inlined_graph.nodes())
        exported = torch.export.export(backbone, (x,))
        for outs in (traced(x), exported.module()(x)):
            for out, other in zip(outs, expected):
                torch.testing.assert_close(out, other, rtol=1e-4, atol=1e-4)
        with FlopCounterMode(display=False) as counter:
            backbone(x)
        assert counter.get_total_flops() == flops
        assert backbone.double()(x.double())[-1].dtype == torch.double


def test_few_and_small_shapes_are_recorded(monkeypatch):
    monkeypatch.setattr(replay, 'MOST_NUMBERS', 3 * 40 * 40)  # together
    backbone = deployed(out_indices=(1,))
    with torch.no_grad():
        for size in (48, 16, 17, 18, 19, 20, 21):
            x = image(size, size)
            for _ in range(3):
                assert_equal(backbone(x), backbone._maps(x))
        assert len(recordings(backbone)) == replay.MOST_RECORDINGS
        assert backbone(image(16, 16, batch=0))[0].shape == (0, 12, 4, 4)


def test_modules_of_others_are_not_recorded():
    class Moody(nn.Module):
        runs = 0

        def forward(self, x):
            self.runs += 1
            return x * self.runs

    backbone = deployed(out_indices=(1,))
    backbone.stages[1][1].depthwise = Moody()
    x = image(16, 16)
    with torch.no_grad():
        outs = [backbone(x)[0] for _ in range(4)]
    assert not recordings(backbone)
    assert not any(map(torch.equal, outs, outs[1:]))


def test_what_cannot_be_recorded():
    x = image(4, 4)
    with torch.no_grad():
        with pytest.raises(NotRecordable, match='does not give tensors'):
            Recording(lambda x: (x * (2 if x.mean() > 0 else 3),), x, ())
        secret = torch.randn(1)
        with pytest.raises(NotRecordable, match='comes from elsewhere'):
            Recording(lambda x: (x * secret,), x, ())
        with pytest.raises(NotRecordable, match='undefined value device'):
            Recording(lambda x: (x * torch.ones(1),), x, ())
        with pytest.raises(NotRecordable, match='gives something else'):
            Recording(lambda x: (torch.rand_like(x),), x, ())
        with pytest.raises(NotRecordable, match='writes to a tensor'):
            Recording(lambda x: (torch.add(x, 1, out=torch.empty_like(x)),), x, ())


@pytest.mark.parametrize('copied', [copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))])
def test_copies_record_anew(copied):
    x = image(64, 64)
    backbone = warmed_up(deployed(), x)
    other = copied(backbone)
    assert not recordings(other)
    with torch.no_grad():
        change_in_place(other)
        assert_equal(warmed_up(other, x)(x), other._maps(x))
        assert_equal(backbone(x), backbone._maps(x))


def test_threads_at_once():
    images = [image(96, 96) for _ in range(4)]
    backbone = warmed_up(deployed(), images[0])
    with torch.no_grad():
        expected = [backbone._maps(x) for x in images]
    wrong = []

    def work(x, outs):
        torch.set_num_threads(1)
        with torch.no_grad():
            for _ in range(20):
                if not all(map(torch.equal, backbone(x), outs)):
                    wrong.append(x)

    workers = [threading.Thread(target=work, args=both) for both in zip(images, expected)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not HAS_XNNPACK, reason='this PyTorch has no XNNPACK')
def test_xnnpack_copies_only_the_image_and_what_is_put_out():
    x = image(64, 64)
    backbone = warmed_up(deployed(out_indices=(4,)), x)
    counts = []
    for run in (backbone._maps, backbone):
        with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as record:
            run(x)
        copies = [event for event in record.events() if event.name == 'aten::copy_']
        convs = [event for event in record.events() if event.name.startswith('prepacked::')]
        assert len(convs) == 135
        counts.append(len(copies))
    assert counts[0] > 70 and counts[1] < 20
