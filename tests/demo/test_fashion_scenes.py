import filecmp
import gzip
import json
import shutil

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from demo.fashion_mnist import find_fashion_mnist, read_fashion_mnist
from demo.fashion_scenes import CLASSES, make_fashion_scenes


def files_of(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob('*') if path.is_file())


def test_the_same_seed_gives_the_same_bytes(tmp_path, idx_folder, scenes):
    assert make_fashion_scenes(tmp_path / 'again', idx_folder, train_count=8, val_count=4)
    files = files_of(scenes)
    assert files == files_of(tmp_path / 'again')
    _, different, errors = filecmp.cmpfiles(scenes, tmp_path / 'again', files, shallow=False)
    assert not different and not errors
    make_fashion_scenes(tmp_path / 'other', idx_folder, train_count=8, val_count=4, seed=1)
    name = 'images/training/000000.jpg'
    assert (scenes / name).read_bytes() != (tmp_path / 'other' / name).read_bytes()


@pytest.mark.parametrize(('split', 'count'), [('training', 8), ('validation', 4)])
def test_boxes_and_masks_agree(scenes, split, count):
    coco = json.loads((scenes / 'annotations' / f'instances_{split}.json').read_text())
    assert [category['name'] for category in coco['categories']] == list(CLASSES)
    assert len(coco['images']) == count
    assert len({annotation['id'] for annotation in coco['annotations']}) == len(coco['annotations'])
    for image in coco['images']:
        scene = cv2.imread(str(scenes / 'images' / split / image['file_name']))
        assert scene.shape == (image['height'], image['width'], 3) == (128, 128, 3)
        name = image['file_name'].replace('.jpg', '.png')
        mask = cv2.imread(str(scenes / 'annotations' / split / name), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (128, 128) and mask.dtype == np.uint8
        found = [a for a in coco['annotations'] if a['image_id'] == image['id']]
        assert 1 <= len(found) <= 5
        assert set(np.unique(mask)) - {0} == {a['category_id'] for a in found}
        assert (mask > 0).sum() == sum(a['area'] for a in found)
        for a in found:
            x, y, w, h = a['bbox']
            own = coco_mask.decode(a['segmentation']).astype(bool)
            assert own.sum() == a['area'] and (mask[own] == a['category_id']).all()
            assert coco_mask.toBbox(a['segmentation']).tolist() == a['bbox']
            inside = mask[y : y + h, x : x + w] == a['category_id']
            assert inside.any(0)[[0, -1]].all() and inside.any(1)[[0, -1]].all()


def test_mmdet_and_mmseg_read_it(scenes):
    from mmdet.datasets import CocoDataset
    from mmseg.datasets import BaseSegDataset

    detection = CocoDataset(
        data_root=str(scenes),
        ann_file='annotations/instances_training.json',
        data_prefix=dict(img='images/training/'),
        metainfo=dict(classes=CLASSES),
    )
    assert len(detection) == 8
    assert all(info['instances'] for info in map(detection.get_data_info, range(8)))
    segmentation = BaseSegDataset(
        data_root=str(scenes),
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        metainfo=dict(classes=('background', *CLASSES)),
    )
    assert len(segmentation) == 8


def test_what_is_there_is_left_alone(tmp_path, idx_folder, scenes):
    assert not make_fashion_scenes(scenes, idx_folder, train_count=8, val_count=4)
    with pytest.raises(FileExistsError, match='made with.*train_count'):
        make_fashion_scenes(scenes, idx_folder, train_count=9, val_count=4)
    (tmp_path / 'thesis.tex').write_text('x')
    with pytest.raises(FileExistsError, match='not a data set'):
        make_fashion_scenes(tmp_path, idx_folder)
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


def test_interrupted_work_leaves_nothing(tmp_path, idx_folder, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr('demo.fashion_scenes.compose_scene', interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_fashion_scenes(tmp_path / 'scenes', idx_folder, train_count=8, val_count=4)
    assert list(tmp_path.iterdir()) == []


def test_plain_idx_files_are_read(tmp_path, idx_folder):
    for path in idx_folder.iterdir():
        (tmp_path / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    assert find_fashion_mnist(tmp_path) == tmp_path
    found, _ = read_fashion_mnist(tmp_path, 'test')
    assert np.array_equal(found, read_fashion_mnist(idx_folder, 'test')[0])


def test_damaged_idx_files_are_named(tmp_path, idx_folder):
    for path in idx_folder.iterdir():
        shutil.copy(path, tmp_path)
    name = 'train-images-idx3-ubyte.gz'
    data = gzip.decompress((idx_folder / name).read_bytes())
    for damaged, message in (
        (data[:-100], 'should hold'),
        (data + b'\x00', 'should hold'),
        (b'', 'idx magic number'),
        (b'\x00\x00\x08\x01' + data[4:], 'idx magic number'),
    ):
        (tmp_path / name).write_bytes(gzip.compress(damaged))
        with pytest.raises(ValueError, match=f'{name}.*{message}'):
            read_fashion_mnist(tmp_path, 'train')
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match='train-images-idx3-ubyte.*dataset-fashion-mnist'):
        read_fashion_mnist(tmp_path, 'train')
