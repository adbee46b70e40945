"""The documents, followed as a user follows them: links, configs, code and commands.

Every command of a shell block goes one of four ways, and one that goes none of them fails by name:

- it is run, in a folder that looks like a clone and has tiny data;
- it is one that ``.ci/run`` runs: a make target, or the very command;
- it is what another test runs, named in ``ELSEWHERE``;
- its block says ``# not run by the tests:`` and why.

Commands are run as they stand but for these words. CONFIG and CHECKPOINT are the demo's detector,
as if newly trained, or the demo's classifier where the command is about classification; FULL_CONFIG
and FULL_CHECKPOINT the detector with full attention, as docs/look_inside.md tells to make it.
``mim run mmghost predict`` is ``tools/predict.py``, as mim runs what is installed. A webcam is a
fake one. Appended are:

- to demo.fashion_scenes the number of scenes, as 4400 take a minute;
- to research.figures.similarity two images, as there are not eight;
- to research.benchmark one round of small and narrow networks, as times are of no interest here.

Python's commands are run within this process, others in one of their own. Predictions are cheap, so
their blocks are run by default; the others are slow.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest
import torch
from documents import NOT_RUN, PAGES, anchors, blocks, languages, links, prose
from helpers import CONFIGS, ROOT, Camera
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, RUNNERS, init_default_scope
from mmengine.runner import CheckpointLoader
from published_files import write
from tool_runs import run_tool

from demo.__main__ import DEMO_CONFIGS
from demo.fashion_mnist import unpack_fashion_mnist
from mmghost.backbones import GhostNet
from mmghost.checkpoint import find_published
from mmghost.compat import EXPORT_TORCH, ONEDL, SUPPORTED

README = PAGES['README.md']

# ------------------------------------------------------------------------------------------ links


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page):
    for path, anchor in links(page):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), f'{path} has no heading #{anchor}'


def test_every_page_is_in_the_index():
    listed = {path for path, _ in links('docs/README.md')}
    assert listed == {*ROOT.glob('docs/*.md')} - {ROOT / 'docs' / 'README.md'}


def test_the_index_and_the_readme_have_the_same_order():
    index = re.findall(r'\| \[.*?\]\((\w+\.md)\)', PAGES['docs/README.md'])
    assert re.findall(r'^\d\. \[.*?\]\(docs/(\w+\.md)\)', README, re.MULTILINE) == index[:8]


def test_every_picture_is_in_the_gallery():
    shown = {path for path, _ in links('docs/gallery.md') if path.parent.name == 'images'}
    assert shown == {*ROOT.glob('docs/images/*')}


def test_every_folder_of_configs_is_linked():
    for root in ('', 'research/'):
        linked = {path for path, _ in links(f'{root}README.md')}
        assert {*ROOT.glob(f'{root}configs/*/README.md')} <= linked


# ----------------------------------------------------------------------------------------- tables


def test_table_has_every_ghostnetv2_config():
    configs = {str(path.relative_to(ROOT)) for path in CONFIGS.glob('*/*ghostnetv2-*.py')}
    assert configs <= set(re.findall(r'\]\((configs/[^)]*\.py)\)', README))


def test_supported_versions_are_those_that_are_checked():
    text = ' '.join(README.split())
    for name, (oldest, too_new) in SUPPORTED.items():
        name = name.replace('python', 'Python')
        assert f'{name} from {oldest}, below {too_new}' in text
    assert f'Exporting takes torch from {EXPORT_TORCH}' in text


@pytest.mark.parametrize('stack', ['official', 'onedl'])
def test_tested_versions_are_those_that_are_pinned(stack):
    lines = (ROOT / 'requirements' / stack / 'constraints.txt').read_text().splitlines()
    pins = [line.split('==') for line in lines if re.match('(onedl-)?mm', line)]
    assert len(pins) == 5
    for name, version in pins:
        assert f'{name} {version}' in README


def test_readme_has_the_results_of_the_comparison():
    told = re.findall(r'\d+\.\d+ ± \d+\.\d+', README)
    assert len(told) == 14 and set(told) <= set(
        re.findall(r'\d+\.\d+ ± \d+\.\d+', PAGES['docs/comparison.md'])
    )


def test_channels_are_those_of_the_networks():
    header, *rows = re.findall(r'^\| (?:out index|\d) \|.*$', PAGES['docs/use.md'], re.MULTILINE)
    columns = list(zip(*([cell.strip() for cell in row.split('|')[4:-1]] for row in rows)))
    widths = [float(cell) for cell in header.split('|')[4:-1]]
    assert len(widths) == len(columns) == 7
    for width, column in zip(widths, columns):
        with torch.device('meta'):
            network = GhostNet(width, out_indices=range(6))
        assert network.out_channels == tuple(map(int, column))


# ----------------------------------------------------------------------------------------- python

DETECT = '"""Print what an exported detector finds: detect.py detector'
ELSEWHERE = {
    'pip install .': 'tests/test_package.py::test_mim_finds_an_installed_wheel',
    'from importlib.metadata': 'tests/test_package.py::test_configs_of_an_installed_wheel',
    'import mmghost\nfrom mmdet.apis': 'tests/inference/test_predict.py::'
    'test_the_packages_inferencers_as_documented',
    f'{DETECT}.onnx': 'tests/deploy/test_export_model.py::test_script_of_the_docs_needs_no_torch',
    f'{DETECT}.param': 'tests/deploy/test_phones.py::test_programs_of_the_docs',
}
PYTHON = [block for block in blocks('python') if not block.text.startswith(tuple(ELSEWHERE))]
SNIPPETS = [block for block in PYTHON if block.text.startswith('_base_')]
CODE = [block for block in PYTHON if block not in SNIPPETS]

PLAIN_NAME = (
    next(block.text for block in SNIPPETS if block.page == 'README.md').replace('mmghost.', '')
    + "custom_imports = dict(imports=['mmghost'])\n"
)

PURE_PYTHON = """
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmdet.models.dense_heads import FCOSHead
from mmdet.models.detectors import FCOS
from mmdet.models.necks import FPN
from mmghost.backbones import GhostNetV2
from mmghost.compat import SUPPORTED

default_scope = 'mmdet'
model = dict(
    type=FCOS,
    data_preprocessor=dict(type=DetDataPreprocessor),
    backbone=dict(type=GhostNetV2, out_indices=(2, 3, 4), frozen_stages=0),
    neck=dict(type=FPN, in_channels=[40, 112, 160], out_channels=32, num_outs=3),
    bbox_head=dict(
        type=FCOSHead, num_classes=3, in_channels=32, feat_channels=32, strides=[8, 16, 32]))
"""


@pytest.fixture(scope='module')
def authors_file(tmp_path_factory):
    """A file as the authors give theirs out."""
    import timm

    return write('authors', timm.create_model('ghostnetv2_100'), tmp_path_factory.mktemp('authors'))


@pytest.mark.parametrize('text', [*(block.text for block in SNIPPETS), PLAIN_NAME, PURE_PYTHON])
def test_config_builds_and_runs(tmp_path, monkeypatch, authors_file, text):
    monkeypatch.chdir(authors_file.parent)
    (tmp_path / 'config.py').write_text(text)
    config = Config.fromfile(tmp_path / 'config.py')
    init_default_scope(config.default_scope)
    model = MODELS.build(config.model).eval()
    assert 'mmghost.' not in text or 'backbone' not in text or uses_mmghost(model.backbone)
    if 'Pretrained' in text:
        model.backbone.init_weights()
        published = CheckpointLoader.load_checkpoint(authors_file.name)['state_dict']
        assert torch.equal(
            model.backbone.state_dict()['stem.conv.weight'], published['backbone.stem.conv.weight']
        )
    with torch.no_grad():
        feats = model.extract_feat(torch.randn(1, 3, 64, 96))
        if hasattr(model, 'decode_head'):
            model.decode_head(feats)
        else:
            (model.head if hasattr(model, 'head') else model.bbox_head)(feats)
    if 'runner_type' in text:
        assert RUNNERS.get(config.runner_type) is not None
    if 'optim_wrapper' in text:
        rates = {
            group['lr'] for group in build_optim_wrapper(model, config.optim_wrapper).param_groups
        }
        assert len(rates) > 3 or 'paramwise_cfg' not in text


def uses_mmghost(backbone):
    return any(type(module).__module__.startswith('mmghost') for module in backbone.modules())


@pytest.mark.parametrize('block', CODE, ids=str)
def test_code_runs(block):
    names = {}
    exec(block.text, names)
    networks = [value for value in names.values() if isinstance(value, torch.nn.Module)]
    assert networks and all(map(uses_mmghost, networks))
    for network in networks:
        if 'deploy' not in block.text:
            network.train()
            network(torch.randn(2, 3, 64, 64))[-1].sum().backward()


def test_tests_elsewhere_exist():
    for name in ELSEWHERE.values():
        file, _, function = name.partition('::')
        assert f'def {function}(' in (ROOT / file).read_text()


# ------------------------------------------------------------------------------------------ shell

SHELL = blocks('shell')
CI = (ROOT / '.ci' / 'run').read_text()
MAKEFILE = (ROOT / 'Makefile').read_text()
FIGURES = tuple(f'research.figures.{name}' for name in ('attention', 'ghost_maps', 'similarity'))
PICTURES = ('tools/predict.py', *FIGURES)
# What a command that has done its work prints
PRINTED = {
    'demo': 'AP50',
    'demo.fashion_scenes': 'made from',
    'research.benchmark': 'ratios of times',
    'research.comparison': '',
    'research.reproduce': 'recorded in',
    'research.tables': 'agree',
    'tools/analysis_tools/get_complexity.py': 'multiply-adds at 320x320',
    'tools/fit.py': '',
    'tools/export.py': 'differs from PyTorch by',
    'tools/model_converters/convert_ghostnet.py': 'source_sha256',
    'tools/model_converters/deploy_checkpoint.py': '',
    'tools/model_converters/publish_model.py': 'checkpoints/',
    'tools/test.py': 'bbox_mAP',
    'tools/test_exported.py': 'bbox_mAP',
    'tools/train.py': 'Saving checkpoint',
    'mim train': 'Saving checkpoint',
    'mim test': 'bbox_mAP|mIoU|accuracy/top1',
}
APPENDED = {
    'demo.fashion_scenes': ['--train-count', '8', '--val-count', '4'],
    'research.benchmark': ['--rounds', '1', '--size', '64', '--width', '0.5'],
    'research.figures.similarity': ['--image', '0', '1'],
}


TRAINED = 'work_dirs/demo-det/epoch_3.pth'


def program(words):
    """Name what a command runs: a module, a tool, or a subcommand of mim."""
    if words[:2] == ['python', '-m']:
        return words[2]
    if words[:4] == ['mim', 'run', 'mmghost', 'predict']:
        return 'tools/predict.py'
    if words[0] == 'mim':
        return ' '.join(words[:2])
    return next((word for word in words if word.startswith('tools/')), words[0])


def is_run_by_ci(words):
    if words[0] == 'make':
        is_target = re.search(rf'^{words[1]}:|^\S.* {words[1]}:', MAKEFILE, re.MULTILINE)
        return is_target and re.search(rf'\bmake {words[1]}\s', CI)
    lines = {line.strip().removeprefix('step ') for line in CI.splitlines()}
    return ' '.join(words) in {'.ci/run', *lines}


def is_run_here(words):
    return program(words) in (*PICTURES, *PRINTED)


def is_elsewhere(words):
    return ' '.join(words) in ELSEWHERE


RUN = [
    pytest.param(
        block,
        id=str(block),
        marks=[]
        if all(program(words) == 'tools/predict.py' for words in block.commands)
        else [pytest.mark.slow],
    )
    for block in SHELL
    if not block.not_run and any(map(is_run_here, block.commands))
]


def test_blocks_are_of_known_languages():
    assert languages() == {'bibtex', 'cpp', 'python', 'shell'}


@pytest.mark.parametrize('block', SHELL, ids=str)
def test_every_command_is_run_or_says_that_it_is_not(block):
    assert block.commands
    if NOT_RUN.strip() in block.text:
        assert block.not_run, f'{block}: begin with {NOT_RUN!r} and the reason'
        return
    for words in block.commands:
        ways = (is_run_here, is_run_by_ci, is_elsewhere)
        assert any(way(words) for way in ways), f'nothing runs {" ".join(words)}'


@pytest.mark.parametrize('page', PAGES)
def test_commands_in_the_text_name_what_there_is(page):
    for command in re.findall(
        r'`((?:python|make|source) [^`]+|(?:tools|\.ci)/[^`]+)`', prose(page)
    ):
        words = command.split()
        if words[0] == 'make':
            assert re.search(rf'^(\S.* )?{words[1]}\b.*:', MAKEFILE, re.MULTILINE), command
        for word in words:
            if word.startswith(('tools/', '.ci/')):
                assert (ROOT / word).exists(), command
        if words[:2] == ['python', '-m']:
            assert find_spec(words[2]) is not None, command


def demo(task):
    """Return a demo's config, and the checkpoint that comes with it, within a clone."""
    checkpoint = find_published(DEMO_CONFIGS[task], ROOT / 'checkpoints')
    return tuple(str(path.relative_to(ROOT)) for path in (DEMO_CONFIGS[task], checkpoint))


def write_trained(path):
    """Write a detector that is nearly the one that comes with mmghost, as if it were trained."""
    content = torch.load(ROOT / demo('det')[1], weights_only=True)
    content['state_dict']['backbone.stem.bn.bias'] += 0.01
    path.parent.mkdir(parents=True)
    torch.save(content, path)


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    """Config and checkpoint of the detector that docs/look_inside.md tells to train."""
    (options,) = [
        words[words.index('--cfg-options') + 1 :]
        for block in SHELL
        for words in block.commands
        if block.page == 'docs/look_inside.md' and program(words) == 'tools/train.py'
    ]
    folder = tmp_path_factory.mktemp('full')
    config = Config.fromfile(DEMO_CONFIGS['det'])
    config.merge_from_dict(dict(option.split('=') for option in options))
    config.dump(folder / 'full.py')
    init_default_scope('mmdet')
    torch.save(dict(state_dict=MODELS.build(config.model).state_dict()), folder / 'full.pth')
    return str(folder / 'full.py'), str(folder / 'full.pth')


@pytest.fixture
def clone(tmp_path, monkeypatch, scenes, idx_folder, authors_file):
    """What looks like a clone, with data, photographs and a model that was trained."""
    for name in ('configs', 'demo', 'docs', 'research', 'tools'):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / 'checkpoints').mkdir()
    for file in (ROOT / 'checkpoints').iterdir():
        (tmp_path / 'checkpoints' / file.name).symlink_to(file)
    shutil.copytree(scenes, tmp_path / 'data' / 'fashion_scenes')
    unpack_fashion_mnist(idx_folder, tmp_path / 'data' / 'fashion_mnist')
    shutil.copy(authors_file, tmp_path)
    shutil.copy(ROOT / 'demo' / 'scene.jpg', tmp_path / 'photo.jpg')
    (tmp_path / 'photos').mkdir()
    shutil.copy(ROOT / 'demo' / 'scene.jpg', tmp_path / 'photos' / 'one.jpg')
    (tmp_path / 'photos' / 'notes.txt').touch()
    write_trained(tmp_path / TRAINED)
    monkeypatch.setattr(cv2, 'VideoCapture', Camera)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled_in(words, full):
    """Give a command the words that it leaves to the user, and those that keep it short."""
    config, checkpoint = demo('cls') if 'cls' in words else (demo('det')[0], TRAINED)
    own = dict(CONFIG=config, CHECKPOINT=checkpoint, FULL_CONFIG=full[0], FULL_CHECKPOINT=full[1])
    filled = [own.get(word, word) for word in words]
    if '--image' not in words:
        filled += APPENDED.get(program(words), [])
    if words[0] == 'mim' and len(words) > 2:
        module = {package: module for module, package in NAMES_FOR_MIM.items()}.get(words[2])
        filled[2] = MODULE2PACKAGE.get(module, words[2])
    return filled


NAMES_FOR_MIM = dict(mmdet='mmdet', mmseg='mmsegmentation', mmpretrain='mmpretrain')


def run_command(words):
    """Run a command; return what it printed. Python's own are run within this process."""
    if words[0] == 'python' or words[:3] == ['mim', 'run', 'mmghost']:
        tool = program(words)
        start = words.index('predict' if words[0] == 'mim' else tool) + 1
        done = run_tool(tool.removeprefix('tools/'), *words[start:], cwd='.')
    else:
        folder = Path(sys.executable).parent
        environment = dict(
            os.environ,
            PATH=os.pathsep.join((str(folder), os.environ['PATH'])),
            PYTHONPATH=str(ROOT),
            PYTHONWARNINGS='ignore',
        )
        done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=280)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def check_printed(words, printed):
    """Check that a command says it has done its work."""
    expected = PRINTED[program(words)]
    if any('init_cfg' in word for word in words):
        expected = 'tensors loaded from ck_ghostnetv2_10'
    found = re.search(expected, printed) is not None
    assert found, f'{" ".join(words)} does not say {expected!r}: {printed[-2000:]}'


def check_files(words):
    """Check that what a command was told to write is there."""
    for option, value in zip(words, words[1:]):
        if option in ('-o', '--json', '--out-dir', '--work-dir', '--show-dir'):
            assert list(Path('.').rglob(f'{value}*')), f'{" ".join(words)} wrote no {value}'


def check_pictures(words, printed):
    """Check what a tool has drawn."""
    if program(words) == 'tools/predict.py':
        for row in json.loads(
            max(Path('.').rglob('predictions.json'), key=os.path.getmtime).read_text()
        ):
            assert cv2.imread(row['picture']) is not None
        return
    assert cv2.imread(words[words.index('-o') + 1]).shape[1] == 1200
    assert ('typical' in printed) == ('similarity' in program(words))
    assert ('stages.1.1.ghost1' in printed) == ('attention' in program(words))
    if '--json' in words:
        found = json.loads(Path(words[words.index('--json') + 1]).read_text())
        assert found['layer'] == 'backbone.stem' and found['images'] == len(found['shown']) == 4
        assert set(found['pairs'][0]['mse']) == {'1', '3', '5', '7'}


@pytest.mark.timeout(900)
@pytest.mark.parametrize('block', RUN)
def test_commands(block, clone, full):
    if any('demo.fashion_scenes' in words for words in block.commands):
        shutil.rmtree('data/fashion_scenes')
    for command in block.commands:
        if not is_run_here(command):
            continue
        words = filled_in(command, full)
        if words[2:3] == [ONEDL['mmseg']]:
            pytest.skip("OneDL's mim reads segmentation configs only when they are whole")
        printed = run_command(words)
        if program(command) in PICTURES:
            check_pictures(words, printed)
        else:
            check_printed(words, printed)
        check_files(words)
