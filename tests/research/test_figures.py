import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import randomise
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmpretrain.models import VGG, ResNet
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from torch import nn

from mmghost.backbones import GhostNet, GhostNetV2
from mmghost.layers import DFCAttention, GhostModule, GhostModuleV2, MobileViTAttention
from mmghost.layers.attach_attention import attach_attention
from research.figures.attention import (
    attention_maps,
    draw_attention,
    effective_weights,
)
from research.figures.ghost_maps import draw_ghost_maps, ghost_maps
from research.figures.inputs import InputImage, input_images
from research.figures.similarity import (
    draw_similarity,
    feature_similarity,
    first_block,
    fit_kernel,
    most_similar_pairs,
    similarity_table,
)


class Model(nn.Module):
    """Calls its backbone as the mm packages' models do."""

    def __init__(self, *layers):
        super().__init__()
        self.backbone = layers[0] if len(layers) == 1 else nn.Sequential(*layers)
        randomise(self).double().eval()

    def forward(self, inputs, data_samples, mode):
        return self.backbone(inputs)


def image(height, width):
    inputs = torch.randn(1, 3, height, width, dtype=torch.double)
    return InputImage('noise', np.zeros((height, width, 3)), inputs, [])


def check_picture(figure, file, axes, *labels):
    """Check what is written: 1200 pixels wide, so many axes with colour bars, and the labels."""
    figure.savefig(file)
    picture = cv2.imread(str(file))
    assert picture.shape[1] == 1200 and picture.shape[0] > 250 and picture.std() > 10
    every = [one for part in figure.axes for one in (part, *part.child_axes)]
    texts = [text() for one in every for text in (one.get_title, one.get_xlabel, one.get_ylabel)]
    assert len(every) == axes
    for label in labels:
        assert label in ' '.join(texts)


# ----------------------------------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    ('text', 'size'), [(DETECTION, 128), (SEGMENTATION, 128), (CLASSIFICATION, 32)]
)
def test_a_file_is_prepared_as_a_test_image_is(text, size, tmp_path, scenes, folders):
    (tmp_path / 'config.py').write_text(filled(text, scenes, folders))
    config = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model).eval()
    (numbered,) = input_images(config, model, ['1'])
    file = numbered.data_samples[0].img_path
    (read,) = input_images(config, model, [file])
    assert torch.equal(read.inputs, numbered.inputs)
    assert (read.pixels == numbered.pixels).all()
    assert read.pixels.shape == (size, size, 3) and 0 < read.pixels.max() <= 1
    assert (numbered.name, read.name) == ('test image 1', file.rpartition('/')[2])
    assert model(read.inputs, read.data_samples, mode='tensor') is not None
    if text is SEGMENTATION:  # which does not normalise
        bgr = read.inputs[0].permute(1, 2, 0).numpy() / 255
        assert abs(read.pixels - bgr[..., ::-1]).max() < 1e-6


def test_an_image_of_one_channel(folders):
    pipeline = [dict(type='Resize', scale=48), dict(type='PackInputs')]
    config = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    init_default_scope('mmpretrain')
    model = Model(nn.Conv2d(1, 4, 1))
    model.data_preprocessor = MODELS.build(dict(type='ClsDataPreprocessor', mean=[1], std=[2]))
    (found,) = input_images(config, model, [str(next((folders / 'val' / '0').iterdir()))])
    assert found.inputs.shape == (1, 1, 48, 48) and found.pixels.shape == (48, 48)


def test_an_image_of_four_channels(tmp_path):
    pipeline = [dict(type='LoadImageFromFile', color_type='unchanged'), dict(type='PackInputs')]
    config = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    init_default_scope('mmpretrain')
    model = Model(nn.Conv2d(4, 4, 1))
    model.data_preprocessor = MODELS.build(dict(type='ClsDataPreprocessor'))
    pixels = np.arange(32, dtype=np.uint8).reshape(4, 2, 4)
    cv2.imwrite(str(tmp_path / 'four.png'), pixels)
    (found,) = input_images(config, model, [str(tmp_path / 'four.png')])
    assert (found.inputs[0].permute(1, 2, 0).numpy() == pixels).all()
    assert (found.pixels == pixels[..., 2::-1] / 255).all()


# ------------------------------------------------------------------------------------- similarity


def test_a_known_kernel_is_found():
    source = torch.randn(3, 20, 17, dtype=torch.double)
    kernel = torch.randn(5, 5, dtype=torch.double)
    target = F.conv2d(source[:, None], kernel[None, None], padding=2)[:, 0] - 0.5
    for size, around in ((5, 0), (7, 1)):
        found, bias, predicted = fit_kernel(source, target, size)
        torch.testing.assert_close(found, F.pad(kernel, (around,) * 4))
        assert bias.item() == pytest.approx(-0.5)
        torch.testing.assert_close(predicted, target)
    for size in (1, 3):
        assert (fit_kernel(source, target, size)[2] - target).square().mean() > 1


def test_pairs_are_found():
    maps = torch.randn(7, 2, 15, 15, dtype=torch.double)
    maps[4] = 3 - 2 * maps[1] + 0.01 * maps[6]
    maps[5] = maps[1] + 0.5 * maps[6]  # of a map that is in a better pair
    maps[2] = maps[0] + 0.5 * maps[6]
    maps[3] = 1.5
    similar, typical = most_similar_pairs(maps, 2)
    assert [pair[:2] for pair in similar] == [(1, 4), (0, 2)]
    assert similar[0][2] < -0.99 and 0.8 < similar[1][2] < 0.95
    others = [index for index in range(7) if index != 3]
    every = torch.corrcoef(maps[others].flatten(1)).abs()
    values = every[torch.triu_indices(6, 6, 1).unbind()].sort(descending=True).values
    assert abs(typical[2]) == pytest.approx(values[len(values) // 2].item())
    with pytest.raises(ValueError, match='of 2 maps 1 vary'):
        most_similar_pairs(maps[2:4], 1)


def test_errors_are_those_of_the_network_on_all_images(tmp_path):
    model = Model(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
    model.spare = nn.Conv2d(3, 4, 1)
    images = [image(24, 20) for _ in range(3)]
    found = feature_similarity(model, images, count=2)
    assert found.layer == 'backbone.0' and found.maps.shape == (4, 3, 24, 20)
    maps = torch.cat([model.backbone[0](each.inputs) for each in images]).detach()
    for pair in found.pairs:
        target = maps[:, pair.target]
        for size, error in pair.mse.items():
            *_, predicted = fit_kernel(maps[:, pair.source], target, size)
            assert error == pytest.approx((predicted - target).square().mean().item())
        unexplained = 1 - pair.correlation**2
        assert pair.mse[1] == pytest.approx(unexplained * pair.variance)
        assert pair.variance == pytest.approx(target.var(correction=0).item())
        assert list(pair.mse.values()) == sorted(pair.mse.values(), reverse=True)
    assert [pair.name for pair in found.pairs] == ['red', 'green', 'typical']
    # The image, all maps and their bar; by pair two maps, four predictions and two bars
    labels = ('red pair', 'green pair', 'typical pair', 'feature value', '% of the variance')
    figure = draw_similarity(found, images[0])
    check_picture(figure, tmp_path / 'pairs.png', 3 + 3 * 8, *labels)
    assert similarity_table(found).row_count == 3
    with pytest.raises(ValueError, match="'spare' does not run"):
        feature_similarity(model, images, 'spare')


def test_first_block():
    model = nn.Module()
    model.backbone = ResNet(18)
    assert first_block(model) == 'backbone.layer1.0'
    model.backbone = VGG(11)
    assert first_block(model) == 'backbone.features.0.conv'


# ------------------------------------------------------------------------------------- ghost maps


@pytest.mark.parametrize(('channels', 'ratio'), [(8, 2), (7, 2), (12, 3), (10, 3)])
def test_parts_make_up_the_output(channels, ratio):
    model = Model(nn.Conv2d(3, 6, 1), GhostModule(6, channels, ratio=ratio))
    shown = image(12, 10)
    (found,) = ghost_maps(model, shown)
    assert found.layer == 'backbone.1'
    output = model.backbone(shown.inputs)[0].detach()
    made = found.groups.pop('intrinsic')
    torch.testing.assert_close(made, output[: len(made)])
    assert sum(map(len, found.groups.values())) == channels - len(made)
    for ghost, maps in enumerate(found.groups.values()):
        for index, values in enumerate(maps):
            source = len(made) + index * (ratio - 1) + ghost
            torch.testing.assert_close(values, output[source])


def test_attention_is_left_out_and_correlations_are_right():
    model = Model(GhostModule(3, 6), GhostModuleV2(6, 8, act_cfg=None))
    shown = image(12, 10)
    (found,) = ghost_maps(model, shown)
    assert found.layer == 'backbone.1'
    ungated = GhostModule.forward(model.backbone[1], model.backbone[0](shown.inputs))[0].detach()
    torch.testing.assert_close(torch.cat(list(found.groups.values())), ungated)
    expected = torch.corrcoef(ungated.flatten(1))[:4, 4:].diag()
    torch.testing.assert_close(found.correlations(), expected)


def test_ghost_maps_are_drawn_and_other_layers_whole(tmp_path):
    model = Model(
        GhostModule(3, 12), GhostModule(12, 9, ratio=3), nn.Conv2d(9, 5, 1), nn.ReLU(True)
    )
    nn.init.constant_(model.backbone[0].primary_conv.bn.weight, 0)
    nn.init.constant_(model.backbone[0].primary_conv.bn.bias, -1)
    shown = image(24, 20)
    found = ghost_maps(model, shown, [f'backbone.{index}' for index in range(3)])
    before = model.backbone[:3](shown.inputs)[0].detach()
    torch.testing.assert_close(found[2].groups['output'], before)
    # The image and a bar, and two, three and one groups of maps
    labels = ('4 of 6 intrinsic maps of 24x20, 6 all 0', '3 ghost 2 maps', '4 of 5 output maps')
    check_picture(draw_ghost_maps(found, shown, 4), tmp_path / 'ghosts.png', 4 + 5 + 3, *labels)


# -------------------------------------------------------------------------------------- attention


@pytest.mark.parametrize('position', [(0, 0), (2, 3)])
def test_effective_weights_tell_what_a_change_of_tokens_does(position):
    attention = randomise(DFCAttention(3, 4, 3)).double().eval()
    tokens, others = torch.randn(2, 4, 6, 5, dtype=torch.double)
    weights = effective_weights(attention, tokens, *position)
    with torch.no_grad():
        mixed, other = attention.vertical(attention.horizontal(torch.stack([tokens, others])))
    change = (weights * (tokens - others)).sum((1, 2))
    torch.testing.assert_close(change, (mixed - other)[(slice(None), *position)])


@pytest.mark.parametrize(
    ('dilation', 'size', 'position'),
    [(1, (13, 15), (7, 5)), (2, (16, 24), (0, 0)), (3, (18, 24), (11, 13))],
)
def test_the_map_is_where_the_gate_comes_from(dilation, size, position):
    """The pixels that change the gate at a position are those of the map's positions."""
    cfg = dict(type='mmghost.DFCAttention', kernel_size=3)
    module = GhostModuleV2(3, 8, dilation=dilation, attention_cfg=cfg)
    model, shown = Model(module), image(*size)
    ((found,),) = attention_maps(model, shown, position)
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights[found.row, found.column] > 0
    inputs = shown.inputs.requires_grad_()
    gate = module.attention(inputs)[0, :, position[0], position[1]].sum()
    (gradient,) = torch.autograd.grad(gate, inputs)
    touched = gradient[0].abs().sum(0) > 0
    expected = torch.zeros(size, dtype=torch.bool)
    reached = (found.weights > 0).repeat_interleave(2, 0).repeat_interleave(2, 1)  # pooled by two
    phase = expected[position[0] % dilation :: dilation, position[1] % dilation :: dilation]
    phase[: reached.shape[0], : reached.shape[1]] = reached
    assert torch.equal(touched, expected)


@pytest.mark.parametrize('patch', [1, 2])
def test_self_attention(patch, tmp_path):
    """Against the attention of the pixels at the same place in their patches, by hand."""
    cfg = dict(
        type='mmghost.MobileViTAttention',
        patch_size=patch,
        act_cfg=dict(type='Sigmoid'),
        num_heads=2,
        embed_dims=6,
    )
    full, model = Model(GhostModuleV2(3, 8, attention_cfg=cfg)), Model(GhostModuleV2(3, 8))
    shown = image(8, 12)
    (maps,) = pairs = attention_maps(model, shown, (5, 6), full=(full, shown))
    attention, found = full.backbone.attention, maps[1]
    with torch.no_grad():
        reduced = attention.reduce(shown.inputs)[0, :, 5 % patch :: patch, 6 % patch :: patch]
        queries, keys, _ = attention.qkv(attention.norm(reduced.permute(1, 2, 0))).chunk(3, -1)
        expected = 0
        for head in (slice(0, 3), slice(3, 6)):
            query = queries[5 // patch, 6 // patch, head]
            expected += (keys[..., head] @ query / 3**0.5).flatten().softmax(0) / 2
    torch.testing.assert_close(found.weights, expected.view(8 // patch, 12 // patch))
    assert (found.row, found.column) == (5 // patch, 6 // patch)
    labels = ('trained self-attention', 'share of the whole, %', '4x6 positions')
    check_picture(draw_attention(pairs, shown, (5, 6)), tmp_path / 'full.png', 5, *labels)


def test_layers_are_spread_and_chosen():
    model, shown = Model(GhostNetV2(0.5)), image(64, 64)
    found = [maps[0] for maps in attention_maps(model, shown, (40, 20))]
    assert [each.layer for each in found] == [
        f'backbone.stages.{block}.ghost1.attention'
        for block in ('1.1', '3.0', '3.2', '3.5', '4.1', '4.4')
    ]
    assert found[0].weights.shape == (8, 8) and (found[0].row, found[0].column) == (5, 2)
    assert len(attention_maps(model, shown, (0, 0), ['backbone.stages.2'])) == 2
    # Self-attention at other places of the bottlenecks, and only in some
    cfg = dict(type='mmghost.MobileViTAttention')
    full = Model(attach_attention(GhostNet(0.5), cfg, 'output', [4, 10]))
    pairs = attention_maps(model, shown, (0, 0), full=(full, shown))
    assert len(pairs) == 2
    for decoupled, other in pairs:
        assert decoupled.layer.split('.ghost1')[0] == other.layer.removesuffix('.attention')
    elsewhere = Model(nn.Conv2d(3, 8, 1), MobileViTAttention(8, 8))
    with pytest.raises(ValueError, match='same bottlenecks, .* full attention is in backbone.1'):
        attention_maps(model, shown, (0, 0), full=(elsewhere, shown))


def test_shares_on_the_cross():
    model = Model(
        GhostModuleV2(3, 4, attention_cfg=dict(type='mmghost.DFCAttention', kernel_size=3))
    )
    for part in (model.backbone.attention.horizontal.conv, model.backbone.attention.vertical.conv):
        nn.init.ones_(part.weight)
    ((found,),) = attention_maps(model, image(20, 20), (10, 10))
    assert found.shares() == pytest.approx((5 / 9, 5 / 9, 9))
