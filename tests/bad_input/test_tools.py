"""Every tool, given what it cannot work with: one line that names it, and nothing left behind."""

import errno
import json
import os
import re
import shutil

import pytest
import timm
import tool_runs
import torch
from helpers import ROOT, exports
from mmengine.config import Config
from mmengine.runner import runner
from PIL import Image
from tiny_configs import CLASSIFICATION, filled

CONVERT = 'model_converters/convert_ghostnet.py'
PUBLISH = 'model_converters/publish_model.py'
PREDICT = 'predict.py'
DEPLOY = 'model_converters/deploy_checkpoint.py'
COMPLEXITY = 'analysis_tools/get_complexity.py'
SIMILARITY = 'research.figures.similarity'
GHOSTS = 'research.figures.ghost_maps'
ATTENTION = 'research.figures.attention'
EXPORT = ('@good.py', '@good.pth', '--format', 'torch-export')
INSIDE = ('@good.py', '@good.pth', '-o', 'out.png')
SCENES = 'demo.fashion_scenes'


class Malicious:
    def __reduce__(self):
        return (os.mkdir, ('executed',))


@pytest.fixture(scope='module')
def samples(tmp_path_factory, scenes, folders, idx_folder):
    """Configs, good and bad, and files that are no checkpoint, or one of something else."""
    folder = tmp_path_factory.mktemp('samples')
    classifier = filled(CLASSIFICATION, scenes, folders)
    changes = {
        'good': '',
        'value': "model['backbone']['widen_factor'] = -1",
        'option': "model['backbone']['widen_facto'] = 0.5",
        'no_scope': 'default_scope = None\ndel model',
        'elsewhere': "default_scope = 'mmelsewhere'",
        'wide': "model['backbone']['widen_factor'] = 1.0\nmodel['head']['in_channels'] = 960",
        'gone': "test_dataloader['dataset']['data_root'] = 'no/such/folder'",
        'imports': "custom_imports = dict(imports=['my_module_of_elsewhere'])",
    }
    for name, change in changes.items():
        (folder / f'{name}.py').write_text(f'{classifier}\n{change}\n')
    (folder / 'syntax.py').write_text('model = dict(')

    model = Config.fromfile(folder / 'good.py').model
    from mmengine.registry import MODELS, init_default_scope

    init_default_scope('mmpretrain')
    good = dict(meta={}, state_dict=MODELS.build(model).state_dict(), message_hub={})
    torch.save(good, folder / 'good.pth')
    (folder / 'resnet.py').write_text(
        f"{classifier}\nmodel['backbone'] = dict(type='ResNet', depth=18)\n"
        "model['head']['in_channels'] = 512"
    )
    resnet = MODELS.build(Config.fromfile(folder / 'resnet.py').model)
    torch.save(dict(meta={}, state_dict=resnet.state_dict()), folder / 'resnet.pth')
    (folder / 'good.py.png').touch()
    whole = (folder / 'good.pth').read_bytes()
    (folder / 'short.pth').write_bytes(whole[: len(whole) // 2])
    (folder / 'text.pth').write_text('not a checkpoint')
    torch.save(dict(good, meta=dict(dataset_meta=dict(classes=['a']))), folder / 'trained.pth')
    shutil.copy(folder / 'good.pth', folder / 'good-0badc0de.pth')
    shutil.copy(ROOT / 'demo' / 'article.png', folder / 'image.png')
    Image.new('RGB', (30, 9000)).save(folder / 'thin.png')
    (folder / 'broken.png').write_bytes((folder / 'image.png').read_bytes()[:100])
    (folder / 'empty').mkdir()
    os.mkfifo(folder / 'pipe.png')
    torch.save(dict(state_dict={}, meta=Malicious()), folder / 'malicious.pth')
    torch.save(timm.create_model('mobilenetv3_small_050').state_dict(), folder / 'other.pth')
    lacking = {k: v for k, v in good['state_dict'].items() if 'stages.3' not in k}
    torch.save(dict(good, state_dict=lacking), folder / 'lacking.pth')
    extra = dict(good['state_dict'], surplus=torch.zeros(1))
    torch.save(dict(good, state_dict=extra), folder / 'extra.pth')
    for kind in ('short', 'magic', 'labels', 'lacking'):
        shutil.copytree(idx_folder, folder / f'idx_{kind}')
    images = folder / 'idx_short' / 'train-images-idx3-ubyte.gz'
    images.write_bytes(images.read_bytes()[:-100])
    (folder / 'idx_magic' / 't10k-images-idx3-ubyte.gz').unlink()
    (folder / 'idx_magic' / 't10k-images-idx3-ubyte').write_bytes(b'\x00\x00\x08\x01' + bytes(20))
    shutil.copy(
        folder / 'idx_labels' / 't10k-labels-idx1-ubyte.gz',
        folder / 'idx_labels' / 'train-labels-idx1-ubyte.gz',
    )
    (folder / 'idx_lacking' / 't10k-labels-idx1-ubyte.gz').unlink()
    return folder


@pytest.fixture
def run_tool(samples, tmp_path, monkeypatch, idx_folder):
    """Run a tool in a folder with an output that exists."""
    monkeypatch.setattr(Config, 'pretty_text', '')
    monkeypatch.setattr(runner, 'collect_env', dict)
    (tmp_path / 'taken').write_text('mine')

    def run(name, *words):
        words = [
            str(word).replace('@', f'{samples}/').replace('IDX', str(idx_folder)) for word in words
        ]
        return tool_runs.run_tool(name, *words, cwd=tmp_path)

    return run


def assert_named(done, message, folder):
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    said = re.search('^error: .*', done.stderr, re.MULTILINE | re.DOTALL)
    assert said and message in said[0], done.stderr
    assert not (folder / 'executed').exists()
    assert (folder / 'taken').read_text() == 'mine'


# Tools that write one thing: (tool, words, message)
WRITERS = [
    (CONVERT, ('absent.pth', 'out.pth'), 'checkpoint absent.pth does not exist'),
    (CONVERT, ('@short.pth', 'out.pth'), 'short.pth is not a whole checkpoint'),
    (CONVERT, ('@malicious.pth', 'out.pth'), 'malicious.pth is no checkpoint that can be loaded'),
    (CONVERT, ('@other.pth', 'out.pth'), 'other.pth holds no GhostNet'),
    (CONVERT, ('@good.pth', 'out.pth', '--prefix', 'neck.'), "begin with 'neck.'"),
    (CONVERT, ('@good.pth', 'out.pth', '--ema'), 'has no EMA weights'),
    (CONVERT, ('@good.pth', 'taken'), 'taken exists'),
    (CONVERT, ('@good.pth', 'taken/out.pth'), 'taken'),
    (CONVERT, ('http://localhost:9/ck.pth', 'out.pth'), 'localhost:9/ck.pth'),
    (PUBLISH, ('absent.py', '@trained.pth'), 'no file absent.py'),
    (PUBLISH, ('@good.py', 'absent.pth'), 'checkpoint absent.pth does not exist'),
    (PUBLISH, ('@good.py', '@malicious.pth'), 'malicious.pth is no checkpoint that can be loaded'),
    (PUBLISH, ('@good.py', '@good.pth'), 'good.pth is no checkpoint of a training'),
    (PUBLISH, ('@wide.py', '@trained.pth'), 'trained.pth is not of the model of'),
    (PUBLISH, ('@good.py', '@trained.pth', '--out-dir', 'taken/out'), 'taken'),
    (PREDICT, ('absent.jpg', '--task', 'det'), 'absent.jpg: there is no such file or folder'),
    (PREDICT, ('@pipe.png', '--task', 'det'), 'pipe.png: it is neither a file nor a folder'),
    (PREDICT, ('@empty', '--task', 'seg'), 'the folder has no image (.bmp, '),
    (PREDICT, ('webcam:97', '--task', 'cls'), 'OpenCV gets no picture from a webcam 97'),
    (PREDICT, ('@thin.png', '--task', 'det'), 'its 30x9000 pixels cannot be worked with'),
    (PREDICT, ('@thin.png', '--task', 'cls'), 'its picture is too large for a JPEG'),
    (PREDICT, ('@broken.png', '--task', 'cls'), 'broken.png: it is no image that can be read'),
    (
        PREDICT,
        ('@image.png', '--task', 'det', '--score-thr', '1.5'),
        'score_thr must be from 0 to 1',
    ),
    (
        PREDICT,
        ('@image.png', '--task', 'det', '--device', 'gpu'),
        'device must be cpu, cuda or cuda:N',
    ),
    (PREDICT, ('@image.png', '--task', 'det', '--device', 'cuda:99'), 'device is cuda:99, but'),
    (PREDICT, ('@image.png', '--task', 'cls', '--out-dir', 'taken/out'), 'taken is not a folder'),
    (
        PREDICT,
        ('@image.png', '--task', 'cls', '--config', '@good.py'),
        'no checkpoint comes with good',
    ),
    *(
        (PREDICT, ('@image.png', '--task', task, '--config', config, '--checkpoint', file), message)
        for task, config, file, message in (
            ('cls', 'absent.py', '@good.pth', 'no file absent.py'),
            ('cls', '@option.py', '@good.pth', "argument 'widen_facto'"),
            ('det', '@good.py', '@good.pth', 'is for mmpretrain, but the task det is for mmdet'),
            ('cls', '@good.py', 'absent.pth', 'checkpoint absent.pth does not exist'),
            ('cls', '@good.py', '@malicious.pth', 'no checkpoint that can be loaded safely'),
            ('cls', '@good.py', '@lacking.pth', 'is not of this config'),
            ('cls', '@good.py', '@good-0badc0de.pth', 'good-0badc0de.pth is damaged or changed'),
        )
    ),
    (DEPLOY, ('absent.py', '@good.pth', 'out.pth'), 'no file absent.py'),
    (DEPLOY, ('@good.py', 'absent.pth', 'out.pth'), 'no file absent.pth'),
    (DEPLOY, ('@good.py', '@short.pth', 'out.pth'), 'short.pth'),
    (
        DEPLOY,
        ('@good.py', '@malicious.pth', 'out.pth'),
        'malicious.pth is no checkpoint that can be loaded safely',
    ),
    (DEPLOY, ('@good.py', '@lacking.pth', 'out.pth'), 'model'),
    (DEPLOY, ('@good.py', '@good.pth', 'taken'), 'taken exists'),
    (DEPLOY, ('@good.py', '@good.pth', 'taken/out.pth'), 'taken'),
    (COMPLEXITY, ('absent.py',), 'absent.py'),
    (COMPLEXITY, ('@no_scope.py',), 'set default_scope'),
    (COMPLEXITY, ('@option.py',), "argument 'widen_facto'"),
    (COMPLEXITY, ('@value.py',), 'widen_factor must be'),
    (COMPLEXITY, ('@good.py', '--size', '0', '64'), 'each side of the size must be'),
    *[
        (tool, words, message)
        for tool in (SIMILARITY, GHOSTS, ATTENTION)
        for words, message in [
            (('@good.py', 'absent.pth', '-o', 'out.png'), 'no file absent.pth'),
            (('@good.py', '@good.pth', '-o', '@good.py.png'), 'good.py.png exists'),
            ((*INSIDE, '--image', '@text.pth'), 'text.pth is not an image that can be read'),
        ]
    ],
    (SIMILARITY, ('absent.py', '@good.pth', '-o', 'out.png'), 'no file absent.py'),
    (SIMILARITY, ('@good.py', '@good.pth', '-o', 'taken/out.png'), 'taken is not a folder'),
    (SIMILARITY, (*INSIDE, '--image', '0', 'absent.png'), 'there is no image absent.png'),
    (GHOSTS, ('@good.py', '@good.pth', '-o', 'taken'), 'must end in one of .png'),
    (GHOSTS, ('@good.py', '@malicious.pth', '-o', 'out.png'), 'loaded safely'),
    (GHOSTS, (*INSIDE, '--image', '20'), 'there are test images 0 to 19, but no 20'),
    (ATTENTION, ('@good.py', '@lacking.pth', '-o', 'out.png'), 'is not of this config'),
    (ATTENTION, ('@gone.py', *INSIDE[1:]), "the config's test data cannot be read: give --image"),
    (SIMILARITY, (*INSIDE, '--layer', 'backbone.stage'), "did you mean 'backbone.stages'?"),
    (SIMILARITY, (*INSIDE, '--layer', 'backbone.stages.4'), 'need more than 50 values'),
    (SIMILARITY, (*INSIDE, '--pairs', '0'), 'from 1 to 6, not 0'),
    (SIMILARITY, (*INSIDE, '--json', 'taken'), 'taken must end in one of .json'),
    (GHOSTS, (*INSIDE, '--layer', 'backbone.stages.1.0.ghost3'), "stages.1.0.ghost2'?"),
    (GHOSTS, (*INSIDE, '--layer', 'head'), "'head' gives no maps"),
    (GHOSTS, (*INSIDE, '--maps', '0'), 'must be at least 1, not 0'),
    (GHOSTS, ('@resnet.py', '@resnet.pth', *INSIDE[2:]), 'has no Ghost module'),
    (ATTENTION, ('@resnet.py', '@resnet.pth', *INSIDE[2:]), 'has no DFC attention'),
    (ATTENTION, (*INSIDE, '--position', '32', '0'), 'y from 0 to 31 and x from 0 to 31'),
    (ATTENTION, (*INSIDE, '--layer', 'backbone.stem'), "'backbone.stem' has no DFC attention"),
    (ATTENTION, (*INSIDE, '--full', '@good.py', '@good.pth'), 'has no self-attention'),
    (SCENES, ('--source', 'absent'), 'absent lacks'),
    (SCENES, ('--source', '@idx_short'), 'train-images-idx3-ubyte.gz is not a whole gzip file'),
    (SCENES, ('--source', '@idx_magic'), 't10k-images-idx3-ubyte must begin with the idx magic'),
    (SCENES, ('--source', '@idx_labels'), '40 images but 20 labels'),
    (SCENES, ('--source', '@idx_lacking'), 'lacks t10k-labels-idx1-ubyte'),
    (SCENES, ('--source', 'IDX', '--out-dir', 'taken'), 'taken exists and is not a data set'),
    (SCENES, ('--source', 'IDX', '--out-dir', 'taken/in'), 'taken'),
    (SCENES, ('--source', 'IDX', '--train-count', '0'), 'train_count must be'),
    (SCENES, ('--source', 'IDX', '--size', '20000'), 'size must be'),
    ('demo', ('det', '--source', 'absent', '--data-root', 'data'), 'absent lacks'),
    ('demo', ('seg', '--source', '@idx_short', '--data-root', 'data'), 'whole gzip'),
    ('demo', ('cls', '--source', '@idx_magic', '--data-root', 'data'), 'idx magic'),
    ('demo', ('det', '--source', 'IDX', '--train-count', '0'), 'train_count must be'),
    ('research.tables', ('--table', '99'), 'there is no such table'),
    ('research.reproduce', ('v2-33',), "there is no table 'v2-33', did you mean 'v2-3'"),
    (
        'research.reproduce',
        ('v2-3', '--rows', 'resnet'),
        "there is no row 'resnet', but 1 MobileNetV2",
    ),
    ('research.reproduce', ('v2-3', '--rows', '0'), "there is no row '0'"),
    ('research.reproduce', ('v2-3', '--seeds', '-1'), 'seed must be'),
    ('research.reproduce', ('v2-3', '--gpus', '0'), 'gpus must be an integer >= 1'),
    ('research.reproduce', ('v2-3', '--gpus', '8'), '8 GPUs need --launcher pytorch or slurm'),
    (
        'research.reproduce',
        ('v2-3', '--launcher', 'slurm'),
        'needs --partition and --gpus-per-node',
    ),
    ('research.reproduce', ('v2-3', '--partition', 'gpu'), '--partition is for --launcher slurm'),
    ('export.py', (*EXPORT, '-o', 'taken/out.pt2'), 'taken is not a folder'),
    ('export.py', (*EXPORT, '-o', 'out.onnx'), 'ends in .pt2, not as out.onnx'),
    *[
        pytest.param('export.py', (*EXPORT, '-o', 'out.pt2', *words), message, marks=exports)
        for words, message in [
            (('--int8', '0'), 'int8 must be an integer >= 1'),
            (('--shape', '0', '0'), 'shape must be an integer >= 1'),
        ]
    ],
    ('test_exported.py', ('@good.py', '@good.pth'), 'ends in one of .onnx, .xml, .tflite, .param'),
    ('research.benchmark', ('--json', 'taken/out.json'), 'taken is not a folder'),
    ('research.benchmark', ('--json', '.'), '. is a folder'),
]


@pytest.mark.parametrize(('tool', 'words', 'message'), WRITERS)
def test_writers(tool, words, message, run_tool, tmp_path):
    assert_named(run_tool(tool, *words), message, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['taken']


@pytest.mark.parametrize('step', ['write', 'replace'])
@pytest.mark.parametrize(
    ('tool', 'words'),
    [
        (CONVERT, ('@good.pth', 'out.pth')),
        (DEPLOY, ('@good.py', '@good.pth', 'out.pth')),
        (PUBLISH, ('@good.py', '@trained.pth')),
        (SCENES, ('--source', 'IDX', '--train-count', '1', '--val-count', '1')),
    ],
)
def test_a_full_disk(tool, words, step, run_tool, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, 'No space left on device')

    if step == 'write':
        monkeypatch.setattr(torch, 'save', full)
        monkeypatch.setattr(json, 'dumps', full)
    else:
        monkeypatch.setattr(os, 'replace', full)
        monkeypatch.setattr('pathlib.Path.rename', full)
    assert_named(run_tool(tool, *words), 'No space left on device', tmp_path)
    left = [path for path in tmp_path.rglob('*') if path.is_file()]
    assert [path.name for path in left] == ['taken']


# What is refused before the package's tool is run
@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('absent.py', '@good.pth'), 'no config file absent.py'),
        (('@goood.py', '@good.pth'), "goood.py, did you mean 'good.py'?"),
        (('--work-dir', 'x'), 'no config file (.py, .json, .yaml, .yml) is given'),
        (('@no_scope.py', '@good.pth'), 'set default_scope'),
        (('@elsewhere.py', '@good.pth'), 'is for mmelsewhere, which is not installed'),
        (('@good.py', '@good.pth', '--work-dir', 'taken/work'), 'taken is not a folder'),
    ],
)
def test_both_tools(tool, words, message, run_tool, tmp_path):
    assert_named(run_tool(tool, *words), message, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['taken']


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('@good.py', 'absent.pth'), 'there is no checkpoint absent.pth'),
        (('@good.py', '@short.pth'), 'short.pth is not a whole checkpoint'),
        (
            ('@good.py', '@malicious.pth'),
            'malicious.pth is no checkpoint that can be loaded safely',
        ),
        (('@good.py', '@good.pth', '--out', 'taken/out.pkl'), 'taken is not a folder'),
    ],
)
def test_test(words, message, run_tool, tmp_path):
    assert_named(run_tool('test.py', *words), message, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['taken']


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        ('@imports.py', 'You should set `PYTHONPATH` to make `sys.path` include the directory'),
        ('@syntax.py', 'SyntaxError'),
        ('@option.py', "unexpected keyword argument 'widen_facto'"),
        ('@value.py', 'widen_factor must be a finite number above 0, but got -1'),
    ],
)
def test_what_others_raise_is_shown_as_it_is(config, message, run_tool, tmp_path):
    done = run_tool('train.py', config, '--work-dir', 'work')
    assert done.returncode == 1 and 'Traceback' in done.stderr
    assert message in done.stderr.splitlines()[-1], done.stderr[-500:]


@pytest.mark.parametrize('checkpoint', ['@good.pth', '@extra.pth'])
def test_surplus_weights_do_no_harm(checkpoint, run_tool):
    done = run_tool('test.py', '@good.py', checkpoint, '--work-dir', 'work')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ('tool', 'words', 'message'),
    [
        ('train.py', ('@good.py', '--no-such-option'), 'unrecognized arguments: --no-such-option'),
        ('test.py', ('@good.py',), 'required: checkpoint'),
        ('demo', ('pose',), "invalid choice: 'pose'"),
        ('demo', ('seg', '--head', 'rtmdet-nano'), '--head is for det, not for seg'),
        (CONVERT, ('a', 'b', '--layout', 'onnx'), "invalid choice: 'onnx'"),
        (COMPLEXITY, ('@good.py', '--size', '3'), 'expected 2 arguments'),
        (SCENES, ('--sise', '3'), "--sise, did you mean '--size'?"),
        ('research.tables', ('--paper', 'V3'), "invalid choice: 'V3'"),
        (PREDICT, ('image.png',), 'arguments are required: --task'),
        (PREDICT, ('image.png', '--taks', 'det'), "--taks, did you mean '--task'?"),
        (
            PREDICT,
            ('image.png', '--task', 'seg', '--score-thr', '0.5'),
            '--score-thr is for --task det',
        ),
        (PREDICT, ('image.png', '--task', 'det', '--invert'), '--invert is for --task cls'),
        ('research.reproduce', ('v2-3', '--seeds', 'x'), "invalid int value: 'x'"),
    ],
)
def test_unknown_options(tool, words, message, run_tool):
    done = run_tool(tool, *words)
    assert done.returncode == 2 and message in done.stderr
