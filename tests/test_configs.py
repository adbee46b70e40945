import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from helpers import CONFIGS, RESEARCH, ROOT, configs_below
from mmengine import registry
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.hub import get_config
from mmengine.registry import MODELS, TRANSFORMS, init_default_scope
from mmengine.utils import get_installed_path

from demo.fashion_mnist import unpack_fashion_mnist
from mmghost.backbones import GhostNet
from mmghost.utils.complexity import count_complexity
from mmghost.utils.whole_models import WholeModel

EVERY = [path for root in (CONFIGS, RESEARCH) for path in configs_below(root)]
INDEX = [
    *(ROOT / name for name in load(ROOT / 'model-index.yml')['Import']),
    *sorted(RESEARCH.glob('*/metafile.yml')),
]

#: Packages of folders that the set-up does not install
OTHERS = dict(pose='mmpose', rotated='mmrotate')
ROOTS = [root for root in vars(registry).values() if isinstance(root, registry.Registry)]


def as_param(path):
    """Mark configs beside the zoo as slow tests, and those that differ in a number from others."""
    slow = path.is_relative_to(RESEARCH) or re.search(r'-(0.5|1.[34567])x|-ms-416-', path.stem)
    marks = [pytest.mark.slow] if slow else []
    return pytest.param(path, id=path.stem, marks=marks + needs_package(path))


def needs_package(path):
    """Give the mark that skips a config of a package that is not installed."""
    package = OTHERS.get(path.parent.name)
    missing = package is not None and find_spec(package) is None
    return [pytest.mark.skipif(missing, reason=f'{package} is not installed')]


def of_task(*folders):
    """List configs of folders of these names."""
    return [as_param(path) for path in EVERY if path.parent.name in folders]


DETECTION = of_task('detection')
COCO = sorted((CONFIGS / 'detection').glob('yolov3_ghostnetv2-*_coco.py'))
SEGMENTATION = of_task('segmentation')
CLASSIFICATION = [as_param(path) for path in sorted(CONFIGS.glob('classification/*.py'))]


def build(path, options=None):
    config = Config.fromfile(path)
    config.merge_from_dict(options or {})
    init_default_scope(config.default_scope)
    return config, MODELS.build(config.model)


def assert_learns(backbone):
    """All of it has gradients, but for what other packages' backbones build and do not use."""
    missing = [name for name, p in backbone.named_parameters() if p.grad is None]
    assert not missing or not type(backbone).__module__.startswith('mmghost'), missing
    grads = [p.grad for p in backbone.parameters() if p.grad is not None]
    assert len(grads) > len(missing) and all(grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize('path', DETECTION)
def test_detectors_train_and_predict(path):
    from mmdet.testing import demo_mm_inputs

    few = {'rcnn.sampler.num': 8, 'rpn_proposal.nms_pre': 50}
    two_stages = 'rcnn' in (Config.fromfile(path).model.get('train_cfg') or {})
    config, model = build(path, {f'model.train_cfg.{k}': v for k, v in few.items() if two_stages})
    shapes = [[3, 96, 128], [3, 64, 65]]
    with_mask = getattr(model, 'with_mask', False)
    inputs = demo_mm_inputs(2, shapes, num_classes=3, with_mask=with_mask)
    data = model.data_preprocessor(inputs, training=True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite()
    assert_learns(model.backbone)
    with torch.no_grad():
        results = model.eval()(**model.data_preprocessor(inputs, False), mode='predict')
    assert len(results) == 2
    assert all(result.pred_instances.bboxes.shape[-1] == 4 for result in results)


@pytest.mark.parametrize('path', SEGMENTATION)
def test_segmentors_train_and_predict(path):
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    # 128x128, as the scenes are: mmseg's class weights know no ignored pixels, which padding adds
    config, model = build(path, dict(model=dict(data_preprocessor=dict(size=(128, 128)))))
    samples = [
        SegDataSample(
            metainfo=dict(img_shape=(128, 128), ori_shape=(128, 128)),
            gt_sem_seg=PixelData(data=torch.randint(0, model.num_classes, (1, 128, 128))),
        )
        for _ in range(2)
    ]
    images = list(torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8))
    inputs = dict(inputs=images, data_samples=samples)
    losses = model(**model.data_preprocessor(inputs, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert_learns(model.backbone)
    with torch.no_grad():
        results = model.eval()(**model.data_preprocessor(inputs, False), mode='predict')
    assert [result.pred_sem_seg.data.shape for result in results] == [(1, 128, 128)] * 2


def test_ade20k_config_changes_only_the_backbone():
    name = 'd8_deeplabv3_4xb4-160k_ade20k-512x512.py'
    found = without_scope(
        Config.fromfile(CONFIGS / 'segmentation' / f'ghostnetv2-1.0x-{name}').to_dict()
    )
    assert found.pop('custom_imports') == dict(imports=['mmghost'])
    folder = Path(get_installed_path('mmseg'), '.mim', 'configs', 'mobilenet_v2')
    base = without_scope(Config.fromfile(folder / f'mobilenet-v2-{name}').to_dict())
    for key, channels in (('decode_head', 160), ('auxiliary_head', 112)):
        assert found['model'][key].pop('in_channels') == channels
        base['model'][key].pop('in_channels')
    for key in ('backbone', 'pretrained'):
        found['model'].pop(key)
        base['model'].pop(key)
    assert (
        found.pop('auto_scale_lr')['base_batch_size'] == 4 * found['train_dataloader']['batch_size']
    )
    assert found == base


@pytest.mark.parametrize('path', CLASSIFICATION)
def test_classifiers_train_and_predict(path):
    from mmpretrain.structures import DataSample

    other = dict(_delete_=True, type='TimmClassifier', model_name='ghostnet_050')
    distilled = 'teacher_ckpt' in Config.fromfile(path).model
    teacher = dict(teacher_config=other, teacher_ckpt=None) if distilled else {}
    config, model = build(path, dict(model=teacher))
    channels = config.model.backbone.get('in_channels', 3)
    images = torch.randint(0, 256, (2, channels, 32, 32), dtype=torch.uint8)
    inputs = dict(inputs=images, data_samples=[DataSample().set_gt_label(k) for k in (1, 3)])
    losses = model(**model.data_preprocessor(inputs, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert_learns(model.backbone)
    with torch.no_grad():
        results = model.eval()(**model.data_preprocessor(inputs, False), mode='predict')
    assert all(len(result.pred_score) == model.head.num_classes for result in results)


@pytest.mark.parametrize('path', of_task('pose'))
def test_pose_estimators_train_and_predict(path):
    from mmpose.testing import get_packed_inputs

    config, model = build(path)
    inputs = get_packed_inputs(2, num_instances=1, num_keypoints=17)
    for sample in inputs['data_samples']:
        sample.gt_fields.heatmaps = torch.rand(17, 64, 48)
    losses = model(**model.data_preprocessor(inputs, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert_learns(model.backbone)
    with torch.no_grad():
        results = model.eval()(**model.data_preprocessor(inputs, False), mode='predict')
        model.switch_to_deploy()
    assert [result.pred_instances.keypoints.shape for result in results] == [(1, 17, 2)] * 2
    assert model.backbone.deploy


@pytest.mark.parametrize('path', of_task('rotated'))
def test_rotated_detectors_train_and_predict(path):
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData
    from mmrotate.structures import RotatedBoxes

    config, model = build(path)
    meta = dict(img_shape=(128, 128), ori_shape=(128, 128), scale_factor=(1.0, 1.0))
    boxes = RotatedBoxes(torch.tensor([[60.0, 64.0, 50.0, 30.0, 0.5]]))
    truth = InstanceData(bboxes=boxes, labels=torch.tensor([3]))
    samples = [
        DetDataSample(
            metainfo=meta,
            gt_instances=truth,
            ignored_instances=InstanceData(bboxes=RotatedBoxes(torch.zeros(0, 5))),
        )
        for _ in range(2)
    ]
    inputs = dict(
        inputs=list(torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8)),
        data_samples=samples,
    )
    losses = model(**model.data_preprocessor(inputs, True), mode='loss')
    model.parse_losses(losses)[0].backward()
    assert_learns(model.backbone)
    with torch.no_grad():
        results = model.eval()(**model.data_preprocessor(inputs, False), mode='predict')
    assert all(result.pred_instances.bboxes.shape[-1] == 5 for result in results)


def test_fashion_mnist_is_tested_on_the_other_articles(idx_folder, tmp_path):
    from mmengine.registry import DATASETS

    unpack_fashion_mnist(idx_folder, tmp_path)
    path = CONFIGS / 'classification' / 'ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py'
    config, _ = build(path)
    sizes = {}
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        sizes[split] = len(DATASETS.build(dict(dataset, data_root=str(tmp_path))))
    assert sizes == dict(train=40, val=20, test=20)


def test_imagenet_recipe():
    """Optimizer, schedule and augmentation run, and the learning rate is the published one."""
    from mmcv.transforms import Compose
    from mmengine.optim import MultiStepLR
    from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, PARAM_SCHEDULERS

    path = CONFIGS / 'classification' / 'ghostnetv2-1.0x_8xb128_in1k.py'
    config, model = build(path)
    wrapper = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='DefaultOptimWrapperConstructor',
            optim_wrapper_cfg=dict(optimizer=config.optim_wrapper.optimizer),
            paramwise_cfg=config.optim_wrapper.paramwise_cfg,
        )
    )(model)
    decays = {
        group['weight_decay'] for group in wrapper.param_groups if group['params'][0].ndim == 1
    }
    assert decays == {0.0}
    schedulers = [
        PARAM_SCHEDULERS.build(cfg, default_args=dict(optimizer=wrapper.optimizer))
        for cfg in config.param_scheduler
    ]
    assert isinstance(schedulers[1], MultiStepLR)
    for epoch in range(450):
        warm = 1e-6 + (0.064 - 1e-6) * epoch / 3
        expected = warm if epoch < 3 else 0.064
        expected *= 0.973 ** (5 * epoch // 12)
        assert wrapper.get_lr()['lr'][0] == pytest.approx(expected, rel=1e-6), epoch
        for scheduler in schedulers:
            scheduler.step()
    transforms = [TRANSFORMS.build(step) for step in config.train_pipeline[1:-1]]
    image = torch.randint(0, 256, (300, 400, 3), dtype=torch.uint8).numpy()
    for _ in range(20):
        assert Compose(transforms)(dict(img=image.copy()))['img'].shape == (224, 224, 3)


def test_table_6_changes_only_the_convolutions():
    found = Config.fromfile(RESEARCH / 'classification' / 'ghost-resnet50-s4_8xb32_in1k.py')
    found = without_scope(found.to_dict())
    folder = Path(get_installed_path('mmpretrain'), '.mim', 'configs', 'resnet')
    base = without_scope(Config.fromfile(folder / 'resnet50_8xb32_in1k.py').to_dict())
    assert base['model']['backbone'].pop('type') == 'ResNet'
    ghost = [found['model']['backbone'].pop(key) for key in ('type', 'ratio')]
    assert ghost == ['mmghost.GhostResNet', 4]
    assert found == base


def test_cifar_recipe_is_that_of_resnet():
    """64,000 iterations of 128 images, steps at 32,000 and 48,000 (He et al., Section 4.2)."""
    for name in ('ghost-resnet56-s2', 'ghost-vgg16-s5-d3'):
        config = Config.fromfile(RESEARCH / 'classification' / f'{name}_8xb16_cifar10.py')
        assert without_scope(config.optim_wrapper.optimizer.to_dict()) == dict(
            type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4
        )
        iterations = -(-50000 // (8 * config.train_dataloader.batch_size))
        epochs = [*config.param_scheduler.milestones, config.train_cfg.max_epochs]
        for epoch, expected in zip(epochs, (32000, 48000, 64000)):
            assert abs(epoch * iterations - expected) <= iterations / 2
        assert config.train_dataloader.dataset.type == 'CIFAR10'


def without_scope(node):
    """Drop the marks that mmengine leaves in what is inherited from another package."""
    if isinstance(node, dict):
        return {key: without_scope(value) for key, value in node.items() if key != '_scope_'}
    return [without_scope(item) for item in node] if isinstance(node, (list, tuple)) else node


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Let ``mmghost::`` name these configs, not the copies that an installation has made."""

    def find(name):
        return str(tmp_path) if name == 'mmghost' else get_installed_path(name)

    (tmp_path / '.mim').mkdir()
    for name in ('configs', 'model-index.yml'):
        (tmp_path / '.mim' / name).symlink_to(ROOT / name)
    for module in ('mmengine.config.config', 'mmengine.hub.hub'):
        monkeypatch.setattr(f'{module}.get_installed_path', find)
    return tmp_path


@cache
def classes(name, scope):
    """Find what every registry has under a name, as seen from a package."""
    found = []
    for root in ROOTS:
        with root.switch_scope_and_registry(scope) as scoped:
            found.append(scoped.get(name))
    return found


def resolved(node, scope):
    """Replace every type of a config by the classes that it names, and drop the scopes."""
    if isinstance(node, dict):
        scope = node.get('_scope_', scope)
        found = {key: resolved(v, scope) for key, v in node.items() if key != '_scope_'}
        if isinstance(node.get('type'), str):
            found['type'] = classes(node['type'], scope)
        return found
    return [resolved(v, scope) for v in node] if isinstance(node, (list, tuple)) else node


@pytest.mark.parametrize('path', [as_param(path) for path in configs_below(CONFIGS)])
def test_zoo_as_base_of_a_users_config(path, installed):
    """Types are looked up in the package that a base's name begins with unless it says other."""
    name = f'mmghost::{path.relative_to(CONFIGS)}'
    (installed / 'one.py').write_text(f'_base_ = {name!r}')
    (installed / 'two.py').write_text(
        "_base_ = 'one.py'\nused = dict(loader={{_base_.test_dataloader}})\n"
        'used.update(pipeline={{_base_.train_pipeline}})'
    )
    zoo = Config.fromfile(path)
    expected = resolved(zoo.to_dict(), zoo.default_scope)
    used = dict(loader=expected['test_dataloader'], pipeline=expected['train_pipeline'])
    config = Config.fromfile(installed / 'two.py')
    assert resolved(config.to_dict(), zoo.default_scope) == dict(expected, used=used)


@pytest.mark.slow
@pytest.mark.parametrize('path', [as_param(path) for path in configs_below(CONFIGS)])
def test_zoo_by_name_builds(path, installed):
    config = get_config(f'mmghost::{path.relative_to(CONFIGS)}')
    init_default_scope(config.default_scope)
    with torch.device('meta'):
        assert isinstance(MODELS.build(config.model).backbone, GhostNet)
    assert all(TRANSFORMS.build(step) for step in config.test_dataloader.dataset.pipeline)


@pytest.mark.parametrize('path', COCO, ids=lambda path: path.stem)
def test_coco_configs_change_only_the_backbone(path):
    found = without_scope(Config.fromfile(path).to_dict())
    name = path.name.replace('ghostnetv2-1.0x', 'mobilenetv2')
    assert found.pop('custom_imports') == dict(imports=['mmghost'])
    folder = Path(get_installed_path('mmdet'), '.mim', 'configs', 'yolo')
    base = without_scope(Config.fromfile(folder / name).to_dict())
    assert found['model'].pop('backbone') == dict(type='mmghost.GhostNetV2', out_indices=[2, 3, 4])
    base['model'].pop('backbone')
    assert found['model']['neck'].pop('in_channels') == [160, 112, 40]
    base['model']['neck'].pop('in_channels')
    assert found == base


def test_every_config_is_in_a_metafile():
    listed = {model['Config'] for metafile in INDEX for model in load(metafile)['Models']}
    assert listed == {str(path.relative_to(ROOT)) for path in EVERY}


def test_every_config_is_in_its_folders_readme():
    for path in EVERY:
        assert f'| {path.stem} |' in (path.parent / 'README.md').read_text(), path


def test_the_zoo_inherits_nothing_from_research():
    for path in CONFIGS.rglob('*.py'):
        assert 'research' not in path.read_text(), path


ENTRIES = [
    pytest.param(
        entry,
        id=entry['Name'],
        marks=(
            []
            if entry['Metadata'].get('FLOPs', 1e9) < 2.5e8 and CONFIGS in metafile.parents
            else [pytest.mark.slow]
        )
        + needs_package(ROOT / entry['Config']),
    )
    for metafile in INDEX
    for entry in load(metafile)['Models']
]


@pytest.mark.parametrize('entry', ENTRIES)
def test_metafiles_state_what_is_counted(entry):
    config, model = build(ROOT / entry['Config'])
    stated = entry['Metadata']
    assert sum(p.numel() for p in model.parameters()) == stated['Parameters']
    counted = WholeModel(model) if 'FLOPs' in stated else model.backbone
    channels = config.model.backbone.get('in_channels', 3)
    height, _, width = str(stated['Input Size']).partition('x')
    size = int(height), int(width or height)
    found = count_complexity(counted, size, channels)
    assert found.multiply_adds == (stated.get('FLOPs') or stated['Backbone FLOPs'])
