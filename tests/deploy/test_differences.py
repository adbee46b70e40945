import numpy as np

from mmghost.deploy.differences import difference

SIZE = (100, 200)


def detections(*rows, slots=3):
    boxes, scores = np.zeros((1, slots, 4)), np.zeros((1, slots))
    labels = np.full((1, slots), -1)
    for slot, (box, score, label) in enumerate(rows):
        boxes[0, slot], scores[0, slot], labels[0, slot] = box, score, label
    return [boxes, scores, labels]


def test_detections():
    one, two = ([0, 0, 10, 10], 0.9, 1), ([0, 5, 50, 10], 0.9, 2)
    found, moved = detections(one, two), detections(two, ([0, 0, 12, 10], 0.9, 1))
    assert difference(found, detections(two, one), 'detection', SIZE) == 0
    assert np.isclose(difference(found, moved, 'detection', SIZE), 2 / 200)
    assert difference(found, detections(one), 'detection', SIZE) == np.inf
    assert difference(detections(one), found, 'detection', SIZE) == np.inf
    assert difference(detections(), detections(), 'detection', SIZE) == 0


def test_maps_and_scores():
    classes = np.zeros((1, 4, 5), int)
    other = classes.copy()
    other[0, 0, 0] = 1
    assert difference([other], [classes], 'segmentation', SIZE) == 1 / 20
    assert difference([classes[:, :3]], [classes], 'segmentation', SIZE) == np.inf
    assert np.isclose(
        difference([np.float32([[0.4, 0.6]])], [np.float32([[0.5, 0.5]])], 'classification', SIZE),
        0.2,
    )
