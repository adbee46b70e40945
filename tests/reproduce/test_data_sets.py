import pytest
from helpers import CONFIGS
from mmengine.config import Config

from mmghost.reproduce import Launch, data_sets
from mmghost.reproduce.data_sets import DATA_SETS, data_folder, find_faults, train_count
from mmghost.reproduce.plan import plan_runs, sort_out_data
from mmghost.reproduce.run_config import make_run_config

COCO = 'detection/yolov3_ghostnetv2-1.0x_8xb24-320-300e_coco.py'
ADE20K = 'segmentation/ghostnetv2-1.0x-d8_deeplabv3_4xb4-160k_ade20k-512x512.py'
IMAGENET = 'classification/ghostnetv2-1.0x_8xb128_in1k.py'
CIFAR = 'classification/ghost-resnet56-s2_8xb16_cifar10.py'


@pytest.fixture
def small(monkeypatch):
    """Data sets of two images a folder."""
    few = [one._replace(images=dict.fromkeys(one.images, 2)) for one in DATA_SETS]
    monkeypatch.setattr(data_sets, 'DATA_SETS', few)
    return {one.title.split()[0]: one for one in few}


def fill(root, data_set, count=2):
    for name in data_set.files:
        path = root / data_set.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in data_set.images:
        folder = root / data_set.folder / name / 'a_class'
        folder.mkdir(parents=True)
        for index in range(count):
            (folder / f'{index}.JPEG').touch()


@pytest.mark.parametrize(
    ('config', 'title', 'place'),
    [
        (COCO, 'COCO', 'coco'),
        (ADE20K, 'ADE20K', 'ade/ADEChallengeData2016'),
        (IMAGENET, 'ImageNet-1k', 'imagenet'),
        (CIFAR, 'CIFAR-10', 'cifar10'),
    ],
)
def test_each_data_set_is_found_missing_and_incomplete(config, title, place, small, tmp_path):
    folder = data_folder(Config.fromfile(CONFIGS / config))
    fault = find_faults(folder, tmp_path)
    assert fault.startswith(title) and f'belongs in {tmp_path / place} (http' in fault
    assert fault.endswith('it is missing')
    fill(tmp_path, small[title])
    assert find_faults(folder, tmp_path) is None
    first = next(iter([*small[title].files, *small[title].images]))
    (tmp_path / place / first).rename(tmp_path / 'elsewhere')
    assert f'{first}' in find_faults(folder, tmp_path)


def test_too_few_images_are_counted(small, tmp_path):
    fill(tmp_path, small['COCO'], count=1)
    assert find_faults('data/coco', tmp_path).endswith(
        'train2017/ has 1 of 2 images; val2017/ has 1 of 2 images'
    )


def test_imagenet_without_classes(small, tmp_path):
    fill(tmp_path, small['ImageNet-1k'])
    folder = tmp_path / 'imagenet' / 'val' / 'a_class'
    for path in folder.iterdir():
        path.rename(folder.parent / path.name)
    folder.rmdir()
    assert 'meta/val.txt is missing' in find_faults('data/imagenet', tmp_path)


def test_rows_without_data_are_left_out(small, tmp_path, monkeypatch):
    def plan(*tables):
        runs = plan_runs(tables, ['1'], [0], Launch(), CONFIGS, tmp_path, tmp_path)
        return sort_out_data(runs, tmp_path)

    able, without, _ = plan('v2-3')
    assert not able and next(iter(without)).startswith('COCO 2017 belongs in')
    able, without, to_make = plan('v2-3', 'fashion-mnist')
    assert [run.row.table for run in able] == ['fashion-mnist'] and len(without) == 1
    assert [str(folder) for folder in to_make] == ['data/fashion_mnist']
    fill(tmp_path, small['COCO'])
    assert len(plan('v2-3', 'v2-5')[0]) == 1


@pytest.mark.parametrize(
    ('config', 'count'), [(COCO, 1182870), (ADE20K, 20210), (IMAGENET, 1281167), (CIFAR, 50000)]
)
def test_training_images_are_counted(config, count):
    assert train_count(Config.fromfile(CONFIGS / config)) == count


def test_run_config_has_the_data_elsewhere_and_goes_on_exactly():
    config = Config.fromfile(CONFIGS / COCO)
    found = make_run_config(config, 7, '/data', Launch('pytorch', 4))
    assert found.train_dataloader.dataset.dataset.data_root == '/data/coco/'
    assert found.val_evaluator.ann_file == '/data/coco/annotations/instances_val2017.json'
    assert found.train_cfg.type == 'mmghost.ResumableEpochLoop'
    assert found.default_hooks.checkpoint.type == 'mmghost.SafeCheckpointHook'
    assert found.randomness.seed == 7 and found.custom_imports.imports == ['mmghost']
    assert found.auto_scale_lr.enable  # 4 of 24 are not the 192 of the config
    assert not make_run_config(config, 7, '/data', Launch('pytorch', 8)).auto_scale_lr.get('enable')
    assert config.train_dataloader.dataset.dataset.data_root == 'data/coco/'
