import cv2
import pytest
from helpers import randomise
from stubs import Model, image
from torch import nn

from mmghost.layers import GhostModule, GhostModuleV2
from research.figures.attention import attention_maps, attention_table, draw_attention
from research.figures.ghost_maps import draw_ghost_maps, ghost_maps
from research.figures.pictures import check_new_file, save_figure
from research.figures.similarity import draw_similarity, feature_similarity, similarity_table


@pytest.fixture
def model():
    return randomise(
        Model(GhostModule(3, 12), GhostModuleV2(12, 14), GhostModuleV2(14, 9, ratio=3))
    )


def axes_of(figure):
    """The axes of a figure, its colour bars among them."""
    return [axes for part in figure.axes for axes in (part, *part.child_axes)]


def written(figure, file):
    """The height of the picture in pixels; it is 1200 wide and not of one colour."""
    save_figure(figure, file)
    picture = cv2.imread(str(file))
    assert picture.shape[1] == 1200 and picture.std() > 10
    return picture.shape[0]


def labels_of(figure):
    return ' '.join(
        text
        for axes in axes_of(figure)
        for text in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
    )


def test_similarity(model, tmp_path):
    shown = image(24, 20)
    found = feature_similarity(model, [shown], count=2)
    figure = draw_similarity(found, shown)
    # The image, all maps and their bar; by pair two maps, four predictions and two bars
    assert len(axes_of(figure)) == 3 + 3 * 8
    assert {'red pair', 'green pair', 'typical pair'} < {
        axes.get_ylabel().split('\n')[0] for axes in figure.axes
    }
    assert 'feature value' in labels_of(figure) and '% of the variance' in labels_of(figure)
    assert written(figure, tmp_path / 'pairs.png') > 500
    assert similarity_table(found).row_count == 3


@pytest.mark.parametrize(('layers', 'count', 'axes'), [([2], 36, 5), ([0, 1, 2], 4, 13)])
def test_ghost_maps(layers, count, axes, model, tmp_path):
    nn.init.constant_(model.backbone[0].primary_conv.bn.weight, 0)
    nn.init.constant_(model.backbone[0].primary_conv.bn.bias, -1)
    shown = image(24, 20)
    found = ghost_maps(model, shown, [f'backbone.{index}' for index in layers])
    figure = draw_ghost_maps(found, shown, count)
    assert len(axes_of(figure)) == axes
    assert 'largest magnitude' in labels_of(figure)
    assert ('4 of 6 intrinsic maps' in labels_of(figure)) == (count == 4)
    assert (' intrinsic maps of 24x20, 6 all 0' in labels_of(figure)) == (0 in layers)
    assert written(figure, tmp_path / 'ghosts.png') > 250


def test_other_layers_and_attention(model, tmp_path):
    shown = image(24, 20)
    layers = ghost_maps(model, shown, ['backbone.0.primary_conv'])
    assert len(axes_of(draw_ghost_maps(layers, shown))) == 3
    found = attention_maps(model, shown, (3, 5))
    figure = draw_attention(found, shown, (3, 5), 'what it is beside')
    assert len(axes_of(figure)) == 1 + 2 * 2 * 2
    assert 'what it is beside' in labels_of(figure) and 'share of the whole, %' in labels_of(figure)
    assert '12x10 positions' in labels_of(figure)
    assert written(figure, tmp_path / 'attention.jpg') > 400
    assert attention_table(found).row_count == 2


def test_new_files(tmp_path):
    (tmp_path / 'taken.png').touch()
    for name in ('new.png', 'folder/new.JPG', 'new.svg', 'new.pdf'):
        check_new_file(tmp_path / name)
    with pytest.raises(FileExistsError, match='taken.png exists: give another name'):
        check_new_file(tmp_path / 'taken.png')
    assert [file.name for file in tmp_path.iterdir()] == ['taken.png']
