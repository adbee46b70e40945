"""The converters on tiny sets in their authors' layouts, read as the zoo's configs read them."""

import json

import numpy as np
import pytest
from helpers import CONFIGS
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image
from tool_runs import run_tool

from mmghost.checkpoint import find_published

WNIDS = [f'n0{index}' for index in range(10)]
VOC = (
    '<annotation><size><width>640</width><height>480</height></size>'
    '<object><name>RBC</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>110</xmax><ymax>100</ymax>'
    '</bndbox></object>'
    '<object><name>WBC</name><bndbox><xmin>7</xmin><ymin>7</ymin><xmax>7</xmax><ymax>7</ymax>'
    '</bndbox></object></annotation>'
)


def draw(file, size):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, (200, 100, 50)).save(file)


def imagenette(source):
    for split in ('train', 'val'):
        for index, wnid in enumerate(WNIDS):
            draw(source / split / wnid / f'{index}.JPEG', (50, 40))


def camvid(source):
    for split in ('train', 'val', 'test'):
        draw(source / split / 'a.png', (480, 360))
        (source / f'{split}annot').mkdir()
        labels = np.repeat(np.arange(12, dtype=np.uint8), 30)[:, None].repeat(480, 1)
        Image.fromarray(labels).save(source / f'{split}annot' / 'a.png')


def animals(source):
    names = [f'{letter}.jpg' for letter in 'fedcba']
    for name in names:
        draw(source / 'images' / name, (480, 300))
    boxes = [
        dict(image_id=index, bbox=[10, 20, 110, 100], category_id=1 + index % 5, keypoints=[])
        for index in range(6)
    ]
    found = dict(
        images={str(index): name for index, name in enumerate(names)},
        annotations=boxes,
        categories=[
            dict(id=index, name=name, skeleton=[])
            for index, name in enumerate(('dog', 'cat', 'sheep', 'horse', 'cow'), 1)
        ],
    )
    (source / 'keypoints.json').write_text(json.dumps(found))


def bccd(source):
    for split, names in (('trainval', 'ab'), ('test', 'c')):
        file = source / 'ImageSets' / 'Main' / f'{split}.txt'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('\n'.join(names))
        for name in names:
            draw(source / 'JPEGImages' / f'{name}.jpg', (640, 480))
            (source / 'Annotations').mkdir(exist_ok=True)
            (source / 'Annotations' / f'{name}.xml').write_text(VOC)


def converted(make, folder):
    """Make a tiny set in a folder and convert it; gives where it is."""
    make(folder)
    done = run_tool(f'dataset_converters/{make.__name__}.py', '.', cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / 'data' / make.__name__


@pytest.mark.parametrize(
    ('make', 'counts'),
    [(imagenette, (10, 10, 10)), (camvid, (1, 1, 1)), (animals, (5, 1, 1)), (bccd, (2, 1, 1))],
)
def test_configs_read_what_converters_write(make, counts, tmp_path, monkeypatch):
    converted(make, tmp_path)
    monkeypatch.chdir(tmp_path)
    paths = sorted(CONFIGS.glob(f'*/*_{make.__name__}*.py'))
    assert paths
    for path in paths:
        config = Config.fromfile(path)
        init_default_scope(config.default_scope)
        loaders = [config[f'{split}_dataloader'] for split in ('train', 'val', 'test')]
        sets = [DATASETS.build(loader.dataset) for loader in loaders]
        assert tuple(map(len, sets)) == counts
        assert all(one[0]['inputs'].ndim == 3 for one in sets)


def test_imagenette_is_squashed(tmp_path):
    folder = converted(imagenette, tmp_path)
    assert Image.open(folder / 'val' / 'n03' / '3.JPEG').size == (128, 128)


def test_camvid_counts_from_1(tmp_path):
    labels = np.asarray(Image.open(converted(camvid, tmp_path) / 'annotations' / 'test' / 'a.png'))
    assert labels[::30, 0].tolist() == [*range(1, 12), 0]


def test_every_fifth_animal_is_for_testing(tmp_path):
    folder = converted(animals, tmp_path)
    assert [path.name for path in (folder / 'test').iterdir()] == ['e.jpg']
    found = json.loads((folder / 'annotations' / 'instances_test.json').read_text())
    assert found['images'] == [dict(id=4, file_name='e.jpg', width=240, height=150)]
    (box,) = found['annotations']
    assert (box['category_id'], box['bbox'], box['area']) == (2, [5, 10, 50, 40], 2000)


def test_cells_that_are_points_are_left_out(tmp_path):
    folder = converted(bccd, tmp_path)
    found = json.loads((folder / 'annotations' / 'instances_trainval.json').read_text())
    boxes = [(box['id'], box['category_id'], box['bbox']) for box in found['annotations']]
    assert boxes == [(1, 2, [10, 20, 100, 80]), (2, 2, [10, 20, 100, 80])]


@pytest.mark.parametrize(
    ('make', 'spoil', 'message'),
    [
        (
            camvid,
            lambda folder: draw(folder / 'valannot' / 'a.png', (480, 360)),
            'has other labels',
        ),
        (animals, lambda folder: (folder / 'keypoints.json').write_text('{}'), 'KeyError'),
        (bccd, lambda folder: (folder / 'Annotations' / 'c.xml').write_text(''), 'ParseError'),
    ],
)
def test_something_else_is_named(make, spoil, message, tmp_path):
    make(tmp_path)
    spoil(tmp_path)
    done = run_tool(f'dataset_converters/{make.__name__}.py', tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'error: {tmp_path} holds something else') and message in line
    assert 'SOURCE must be' in line


@pytest.mark.parametrize('name', ['imagenette', 'camvid', 'animals', 'bccd'])
def test_what_is_missing_is_said_to_be_where(name, tmp_path):
    done = run_tool(f'dataset_converters/{name}.py', '.', cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith('error: there is no ') and 'https://' in line
    assert line.endswith(f'The set goes to data/{name}.')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['imagenette', 'camvid', 'bccd'])
def test_training_says_where_its_data_are_to_be_had(name, tmp_path):
    config = sorted(CONFIGS.glob(f'*/*_{name}*.py'))[0]
    done = run_tool('train.py', config, '--work-dir', 'work', cwd=tmp_path)
    assert_says_where_data_are(done, name)


def test_exports_in_8_bits_say_so_too(tmp_path):
    config = CONFIGS / 'detection/rtmdet-nano_ghostnetv2-1.0x_1xb16-320-80e_bccd.py'
    checkpoint = find_published(config, CONFIGS.parent / 'checkpoints')
    words = '--format', 'onnx', '-o', 'integers.onnx', '--int8', '10'
    done = run_tool('export.py', config, checkpoint, *words, cwd=tmp_path)
    assert_says_where_data_are(done, 'bccd')


def assert_says_where_data_are(done, name):
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith(f'error: there is no data/{name}/') and 'https://' in line
    assert f'tools/dataset_converters/{name}.py' in line
