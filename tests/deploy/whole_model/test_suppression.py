import pytest
import torch
from mmcv.ops import batched_nms

from mmghost.deploy.whole_model.suppression import suppress_by_operator, suppress_in_steps


def make_boxes(images=3, count=60, real=50):
    corners = 60 * torch.rand(images, count, 2)
    boxes = torch.cat([corners, corners + 5 + 30 * torch.rand(images, count, 2)], -1) - 20
    scores = torch.rand(images, count)
    scores[:, real:] = 0
    return boxes, scores, torch.randint(0, 3, (images, count))


@pytest.mark.parametrize('suppress', [suppress_by_operator, suppress_in_steps])
@pytest.mark.parametrize('count', [5, 60])
def test_chooses_what_mmcv_chooses(suppress, count):
    boxes, scores, labels = make_boxes()
    chosen, found = suppress(boxes, scores, labels, 0.45, count)
    assert chosen.shape == found.shape == (3, count)
    for index in range(3):
        real = scores[index] > 0
        group = boxes[index][real], scores[index][real], labels[index][real]
        expected = batched_nms(*group, dict(type='nms', iou_threshold=0.45))[1][:count]
        assert torch.equal(chosen[index][found[index] > 0], expected)
        assert torch.equal(found[index][: len(expected)], scores[index][expected])


@pytest.mark.parametrize('suppress', [suppress_by_operator, suppress_in_steps])
def test_no_boxes(suppress):
    boxes, scores, labels = make_boxes(real=0)
    assert not suppress(boxes, scores, labels, 0.45, 4)[1].any()


@pytest.mark.parametrize('suppress', [suppress_by_operator, suppress_in_steps])
def test_boxes_without_area_are_chosen_once(suppress):
    boxes = torch.tensor([[[0.0, 0, 0, 5], [0, 0, 9, 9], [torch.inf, 0, torch.inf, 9]]])
    scores = torch.tensor([[0.9, 0.5, 0.0]])
    chosen, found = suppress(boxes, scores, torch.zeros(1, 3, dtype=torch.long), 0.5, 3)
    assert chosen[0, :2].tolist() == [0, 1]
    assert torch.equal(found, scores)
