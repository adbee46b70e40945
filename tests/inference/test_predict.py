"""Predictions with the models that come with mmghost, and with others."""

import errno
import json
import os
import runpy
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from documents import PAGES
from helpers import CONFIGS, ROOT, Camera, exports, randomise
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.registry import MODELS, init_default_scope
from PIL import Image
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled, in_pure_python

from demo.__main__ import DEMO_CONFIGS
from mmghost.checkpoint import find_published
from mmghost.deploy.export_model import export_model
from mmghost.inference import TASKS, load_inferencer

SCENE = ROOT / 'demo' / 'scene.jpg'
DEMO = dict(det=SCENE, seg=SCENE, cls=ROOT / 'demo' / 'article.png')


def shipped(task):
    return find_published(DEMO_CONFIGS[task], ROOT / 'checkpoints')


@pytest.fixture(scope='module')
def inferencers():
    """The models that come with mmghost, by task."""
    loaded = {}
    for task in TASKS:
        loaded[task] = load_inferencer(task, DEMO_CONFIGS[task], shipped(task))
    return loaded


@pytest.fixture
def predict(tmp_path, monkeypatch):
    """Run tools/predict.py in an empty folder; return how it ends."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, 'argv', ['predict.py', *map(str, words)])
        try:
            runpy.run_path(str(ROOT / 'tools' / 'predict.py'), run_name='__main__')
        except SystemExit as end:
            return end.code
        return 0

    return run


@pytest.fixture
def use_loaded(monkeypatch, inferencers):
    """Do not load the same model again."""
    load = 'mmghost.inference.predict.load_inferencer'
    monkeypatch.setattr(load, lambda task, *args, **options: inferencers[task])


def test_what_the_demo_images_show(inferencers):
    found = {task: inferencers[task](str(image)).found for task, image in DEMO.items()}
    assert found['det'][0][0] == found['cls'][0][0] == 'Ankle boot'
    assert all(score > 0.9 for score in (found['det'][0][1], found['cls'][0][1]))
    assert {'Dress', 'Pullover'} <= dict(found['det']).keys()
    assert found['seg'][0][0] == 'background' and 0.6 < found['seg'][0][1] < 0.9
    assert 'Pullover' in dict(found['seg'])
    assert sum(dict(found['seg']).values()) == pytest.approx(1)
    assert sum(dict(found['cls']).values()) == pytest.approx(1)


@exports
@pytest.mark.parametrize(
    ('task', 'format', 'suffix'),
    [
        pytest.param('det', 'onnx', '.onnx', marks=pytest.mark.slow),
        pytest.param('seg', 'onnx', '.onnx', marks=pytest.mark.slow),
        pytest.param('cls', 'onnx', '.onnx', marks=pytest.mark.slow),
        ('cls', 'torch-export', '.pt2'),
    ],
)
def test_exported_files_predict_as_their_models(task, format, suffix, inferencers, tmp_path):
    file = tmp_path / f'model{suffix}'
    # Logits, as classes enlarged to the picture have coarser borders
    export_model(DEMO_CONFIGS[task], shipped(task), file, format, logits=task == 'seg')
    found = load_inferencer(task, DEMO_CONFIGS[task], file)(str(DEMO[task]))
    expected = inferencers[task](str(DEMO[task]))
    assert found.content.keys() == expected.content.keys()
    assert [name for name, _ in found.found] == [name for name, _ in expected.found]
    values, wanted = ([value for _, value in one.found] for one in (found, expected))
    assert np.allclose(values, wanted, atol=2e-3)
    difference = found.picture.astype(float) - expected.picture.astype(float)
    assert found.picture.shape == expected.picture.shape and abs(difference).mean() < 1
    other = next(name for name in TASKS if name != task)
    with pytest.raises(ValueError, match=f'the config is for .*model{suffix} for'):
        load_inferencer(other, DEMO_CONFIGS[other], file)


INFERENCERS = PAGES['docs/predict.md'].split('```python\nimport mmghost\n')[1].split('```')[0]


PATHS = dict(
    detector=DEMO_CONFIGS['det'],
    segmentor=DEMO_CONFIGS['seg'],
    classifier=CONFIGS / 'classification' / 'ghostnet-0.5x_8xb128_in1k.py',
)


@pytest.mark.parametrize(
    ('names', 'importing'),
    [
        (tuple(PATHS), False),
        pytest.param(tuple(PATHS), True, marks=pytest.mark.slow),
        *(pytest.param((name,), False, marks=pytest.mark.slow) for name in PATHS),
    ],
)
def test_the_packages_inferencers_as_documented(names, importing, tmp_path):
    for name in names:
        config = Config.fromfile(PATHS[name])
        imports = config.pop('custom_imports') if importing else config.custom_imports
        assert imports['imports'] == ['mmghost']
        config.dump(tmp_path / f'{name}.py')
        init_default_scope(config.default_scope)
        trained = dict(
            state_dict=MODELS.build(config.model).state_dict(),
            message_hub=dict(log_scalars=dict(loss=HistoryBuffer([0.5], [1]))),
        )
        torch.save(trained, tmp_path / f'{name}.pth')
    shutil.copy(SCENE, tmp_path / 'photo.jpg')
    lines = INFERENCERS.splitlines()
    calls = [
        line for name in names for line in lines if line.endswith(f"'{name}.pth')('photo.jpg')")
    ]
    assert len(calls) == len(names)
    kinds = [call.split('(')[0] for call in calls]
    imports = [line for line in lines if line.startswith('from') and line.split()[-1] in kinds]
    script = '\n'.join(['import mmghost'] * importing + imports + calls)
    words = [sys.executable, '-W', 'ignore', '-c', script]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_boxes_are_the_pictures(inferencers):
    """They are on the image as it is, not as the model sees it."""
    content = inferencers['det'](str(SCENE)).content
    assert len(content['bboxes']) == len(content['scores']) == len(content['classes'])
    left, top, right, bottom = content['bboxes'][0]
    assert 240 < left < 260 and 60 < top < 80 and 335 < right < 355 and 145 < bottom < 165


def kinds(folder):
    """Write one scene in the ways in which images come; return their files by kind."""
    image = Image.open(SCENE).resize((60, 48))
    pixels = np.asarray(image)[..., ::-1]
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: to be turned clockwise
    image.save(folder / 'plain.png')
    image.save(folder / 'with space é.webp')
    image.convert('L').save(folder / 'gray.png')
    image.convert('1').save(folder / 'bits.png')
    image.convert('RGBA').save(folder / 'alpha.png')
    image.convert('CMYK').save(folder / 'print.jpg')
    image.transpose(Image.Transpose.ROTATE_90).save(folder / 'turned.jpg', exif=turned, quality=98)
    cv2.imwrite(str(folder / 'deep.png'), pixels.astype(np.uint16) * 257)
    cv2.imwrite(str(folder / '[red].TIF'), pixels[..., 0].astype(np.uint16) * 257)
    return sorted(folder.iterdir())


@pytest.mark.parametrize('task', TASKS)
def test_images_of_all_kinds(task, inferencers, tmp_path):
    found = {}
    for file in kinds(tmp_path):
        prediction = inferencers[task](str(file))
        height, width = prediction.picture.shape[:2]
        assert (width * 48, prediction.picture.dtype) == (height * 60, np.uint8), file
        found[file.name] = prediction.found
    assert found['plain.png'] == found['alpha.png'] == found['deep.png']
    # JPEG is not exact
    assert found['turned.jpg'][0][0] == found['plain.png'][0][0]
    assert found['turned.jpg'][0][1] == pytest.approx(found['plain.png'][0][1], abs=0.1)


def test_bad_images_do_not_keep_others_from_being_done(predict, use_loaded, tmp_path, capsys):
    folder = tmp_path / 'photos'
    folder.mkdir()
    names = [file.name for file in kinds(folder)]
    whole = SCENE.read_bytes()
    (folder / 'short.jpg').write_bytes(whole[: len(whole) // 2])
    (folder / 'notes.txt').write_text('no image, and not taken for one')
    (folder / 'fake.png').write_text('no image')
    (tmp_path / 'empty').mkdir()
    failed = predict('photos', 'absent.jpg', 'empty', 'webcam:97', SCENE, '--task', 'cls').split(
        '\n'
    )
    for name in ('absent.jpg', 'empty', 'webcam:97', 'photos/short.jpg', 'photos/fake.png'):
        (line,) = [line for line in failed if line.startswith(f'error: {name}: ')]
    assert len(failed) == 5
    written = json.loads((tmp_path / 'predictions' / 'cls' / 'predictions.json').read_text())
    assert [row['image'] for row in written] == [f'photos/{name}' for name in names] + [str(SCENE)]
    assert len(list(tmp_path.glob('predictions/cls/*.jpg'))) == len(written)
    printed = capsys.readouterr().out
    assert '[red].TIF' in printed and 'notes.txt' not in printed


def test_a_threshold_of_zero_is_one(predict, tmp_path):
    counts = []
    for threshold in ('0', '0.5'):
        words = ('--task', 'det', '--score-thr', threshold, '--out-dir', threshold)
        assert predict(SCENE, *words) == 0
        (row,) = json.loads((tmp_path / threshold / 'predictions.json').read_text())
        assert min(row['scores']) > float(threshold)
        counts.append(len(row['scores']))
    assert counts[0] > 10 > counts[1] > 0


def test_nothing_is_written_where_nothing_is_predicted(predict, use_loaded, tmp_path):
    (tmp_path / 'broken.jpg').write_text('no image')
    assert 'error: broken.jpg: it is no image' in predict('broken.jpg', '--task', 'det')
    assert [path.name for path in tmp_path.iterdir()] == ['broken.jpg']


def test_nothing_is_overwritten(predict, use_loaded, tmp_path):
    shutil.copy(SCENE, tmp_path / 'scene.jpg')
    words = ('scene.jpg', SCENE, '--task', 'det', '--out-dir', '.')
    for _ in range(2):
        assert predict(*words) == 0
    assert (tmp_path / 'scene.jpg').read_bytes() == SCENE.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'predictions-2.json',
        'predictions.json',
        *(f'scene-{number}.jpg' for number in (2, 3, 4, 5)),
        'scene.jpg',
    ]


def test_a_full_disk(predict, use_loaded, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    assert predict(SCENE, '--task', 'det') == 'error: [Errno 28] No space left on device'
    assert not [path for path in tmp_path.rglob('*') if path.is_file()]


def test_a_webcam_gives_a_frame_that_it_is_ready_for(predict, use_loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    assert predict('webcam:1', '--task', 'det') == 0
    picture = cv2.imread(str(tmp_path / 'predictions' / 'det' / 'webcam-1.jpg'))
    assert picture.shape == (48, 64, 3) and picture.mean() > 80


def test_dark_articles_on_light_ground(tmp_path):
    config, checkpoint = DEMO_CONFIGS['cls'], shipped('cls')
    cv2.imwrite(str(tmp_path / 'dark.png'), 255 - cv2.imread(str(DEMO['cls'])))
    inverting = load_inferencer('cls', config, checkpoint, invert=True)
    plain = load_inferencer('cls', config, checkpoint)
    assert inverting(str(tmp_path / 'dark.png')).found == plain(str(DEMO['cls'])).found
    assert plain(str(tmp_path / 'dark.png')).found[0][0] != 'Ankle boot'


@pytest.mark.parametrize('pure', [False, True])
@pytest.mark.parametrize(
    ('task', 'text'), [('det', DETECTION), ('seg', SEGMENTATION), ('cls', CLASSIFICATION)]
)
def test_other_models(task, text, pure, tmp_path, scenes, folders):
    """Without class names in the checkpoint, those of the config's data set are taken."""
    (tmp_path / 'mine.py').write_text(filled(text, scenes, folders))
    config = Config.fromfile(tmp_path / 'mine.py')
    init_default_scope(config.default_scope)
    if pure:
        joined = dict(type='ConcatDataset', datasets=[config.test_dataloader.dataset] * 2)
        changed = dict(config, test_dataloader=dict(config.test_dataloader, dataset=joined))
        (tmp_path / 'mine.py').write_text(in_pure_python(changed))
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), tmp_path / 'mine.pth')
    options = dict(score_thr=0.0) if task == 'det' else {}
    predict = load_inferencer(task, tmp_path / 'mine.py', tmp_path / 'mine.pth', **options)
    prediction = predict(str(SCENE))
    metainfo = config.test_dataloader.dataset.get('metainfo', {})
    names = metainfo.get('classes', list(map(str, range(10))))
    assert prediction.found and {name for name, _ in prediction.found} <= set(names)
    assert prediction.picture.shape == (384, 384, 3)


@pytest.mark.parametrize(
    ('task', 'text'), [('det', DETECTION), ('seg', SEGMENTATION), ('cls', CLASSIFICATION)]
)
def test_four_channels(task, text, tmp_path, scenes, folders):
    """As the config loads them: the fourth channel counts, and the picture shows the others."""
    (tmp_path / 'mine.py').write_text(filled(text, scenes, folders))
    config = Config.fromfile(tmp_path / 'mine.py')
    init_default_scope(config.default_scope)
    config.model.backbone.in_channels = 4
    config.model.data_preprocessor.update(mean=[100.0] * 4, std=[50.0] * 4)
    if task == 'det':  # mmengine's preprocessor has means for 3 channels or 1
        config.model.data_preprocessor = dict(type='DetDataPreprocessor', pad_size_divisor=32)
    config.test_dataloader.dataset.pipeline[0].color_type = 'unchanged'
    config.dump(tmp_path / 'mine.py')
    model = MODELS.build(config.model)
    weights = (model if task == 'cls' else randomise(model)).state_dict()
    weights['backbone.stem.conv.weight'] *= 0.01
    torch.save(dict(state_dict=weights), tmp_path / 'mine.pth')
    options = dict(score_thr=0.0) if task == 'det' else {}
    predict = load_inferencer(task, tmp_path / 'mine.py', tmp_path / 'mine.pth', **options)
    colours, found = cv2.imread(str(SCENE)), []
    for value in (0, 255):
        fourth = np.full_like(colours[..., :1], value)
        cv2.imwrite(str(tmp_path / 'four.png'), np.concatenate([colours, fourth], 2))
        prediction = predict(str(tmp_path / 'four.png'))
        assert prediction.picture.shape == (384, 384, 3)
        found.append(prediction.content)
    assert found[0] != found[1]
