import pytest
import torch
from helpers import exports
from mmcv.ops import batched_nms
from torch import nn

from mmghost.deploy.runtimes import FORMATS, export_module, load_exported
from mmghost.deploy.suppression import suppress_by_operator, suppress_in_steps


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


class Suppressing(nn.Module):
    """Takes boxes, scores and labels as the columns of an image."""

    def forward(self, image):
        boxes, scores, labels = image[:, 0].split((4, 1, 1), 2)
        return suppress_by_operator(boxes, scores[..., 0], labels[..., 0].long(), 0.45, 4)


def as_image(boxes, scores, labels):
    return torch.cat([boxes, scores[..., None], labels[..., None].float()], 2)[:, None]


@exports
@pytest.mark.parametrize('format', ['onnx', 'torch-export'])
def test_any_number_of_boxes_in_a_file(format, tmp_path):
    file = tmp_path / f'boxes{FORMATS[format].SUFFIX}'
    export_module(Suppressing(), as_image(*make_boxes(2)), file, format, ('batch',))
    exported = load_exported(file)
    alike = [values[:, :1].repeat(1, 60, *[1] * (values.ndim - 2)) for values in make_boxes(1)]
    for found in (alike, *(make_boxes(n, real=real) for n in (1, 2) for real in (0, 1, 2, 60))):
        expected = suppress_in_steps(*found, 0.45, 4)
        chosen, scores = map(torch.from_numpy, exported(as_image(*found).numpy()))
        assert torch.equal(scores, expected[1])
        assert torch.equal(chosen[scores > 0], expected[0][scores > 0])
