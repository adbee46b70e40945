"""Data sets with something wrong in them, in tools/train.py."""

import json
import runpy
import shutil
import sys

import pytest
from helpers import ROOT
from mmengine.config import Config
from mmengine.runner import runner
from tiny_configs import DETECTION, filled


def edit(scenes, change):
    path = scenes / 'annotations' / 'instances_training.json'
    coco = json.loads(path.read_text())
    change(coco)
    path.write_text(json.dumps(coco))


def annotations(scenes):
    return scenes / 'annotations' / 'instances_training.json'


def images(scenes):
    return sorted((scenes / 'images' / 'training').iterdir())


def move_boxes(coco):
    for annotation in coco['annotations']:
        annotation['bbox'] = [500, 500, 20, 20]


def forget_category(coco):
    coco['categories'] = []


BAD = {
    'no annotation file': (lambda s: annotations(s).unlink(), 'instances_training.json'),
    'annotations cut short': (
        lambda s: annotations(s).write_text(annotations(s).read_text()[:-50]),
        'Expecting',
    ),
    'annotations of nothing': (
        lambda s: edit(s, lambda coco: coco.clear()),
        "'categories' is missing",
    ),
    'no images listed': (lambda s: edit(s, lambda coco: coco['images'].clear()), ''),
    'no boxes': (lambda s: edit(s, lambda coco: coco['annotations'].clear()), ''),
    'no categories': (lambda s: edit(s, forget_category), ''),
    'an image is missing': (lambda s: images(s)[3].unlink(), '000003.jpg'),
    'a broken JPEG': (lambda s: images(s)[3].write_bytes(b'\xff\xd8\xff\xe0broken'), '000003.jpg'),
    'an empty JPEG': (lambda s: images(s)[3].write_bytes(b''), '000003.jpg'),
    'no folder of images': (lambda s: shutil.rmtree(s / 'images'), '.jpg'),
}


@pytest.mark.parametrize(('damage', 'message'), BAD.values(), ids=BAD)
def test_bad_data_are_named(damage, message, scenes, tmp_path, monkeypatch):
    data = tmp_path / 'scenes'
    shutil.copytree(scenes, data)
    damage(data)
    (tmp_path / 'config.py').write_text(filled(DETECTION, data, ''))
    monkeypatch.setattr(Config, 'pretty_text', '')
    monkeypatch.setattr(runner, 'collect_env', dict)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['train.py', 'config.py', '--work-dir', 'work'])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / 'tools' / 'train.py'), run_name='__main__')
    said = caught.value.code
    assert said.startswith('error: ') and message in said and '\n' not in said
    assert not list(tmp_path.rglob('*.pth'))


def test_boxes_outside_of_their_image_are_left_out(scenes, tmp_path):
    from mmdet.datasets import CocoDataset

    from demo.fashion_scenes import CLASSES

    data = tmp_path / 'scenes'
    shutil.copytree(scenes, data)
    edit(data, move_boxes)
    dataset = CocoDataset(
        data_root=str(data),
        ann_file='annotations/instances_training.json',
        data_prefix=dict(img='images/training/'),
        metainfo=dict(classes=CLASSES),
    )
    assert not any(dataset.get_data_info(index)['instances'] for index in range(len(dataset)))
