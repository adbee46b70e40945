import pytest
import torch
from helpers import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from settled_models import settle_model

DEMOS = dict(
    detection='detection/yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py',
    segmentation='segmentation/ghostnetv2-1.0x-d16_deeplabv3plus_1xb8-4e_fashion-scenes-96x96.py',
    classification='classification/ghostnetv2-1.0x_1xb128-2e_fashion-mnist.py',
)
NARROW = dict(
    detection=dict(
        backbone=dict(widen_factor=0.5),
        neck=dict(in_channels=[80, 56, 20], out_channels=[16, 16, 16]),
        bbox_head=dict(in_channels=[16, 16, 16], out_channels=[16, 16, 16]),
        test_cfg=dict(nms_pre=200, max_per_img=20),
    ),
    segmentation=dict(
        backbone=dict(widen_factor=0.5),
        decode_head=dict(in_channels=80, c1_in_channels=12, channels=16, c1_channels=8),
        auxiliary_head=dict(in_channels=56, channels=16),
    ),
    classification=dict(
        backbone=dict(widen_factor=0.5), head=dict(in_channels=480, mid_channels=[32])
    ),
)


@pytest.fixture(scope='session')
def demo_files(tmp_path_factory, scenes, idx_folder):
    """Configs and checkpoints of narrow models of the three tasks, on small data sets."""
    from demo.fashion_mnist import unpack_fashion_mnist

    folder = tmp_path_factory.mktemp('demos')
    unpack_fashion_mnist(idx_folder, folder / 'mnist')
    files = {}
    for task, path in DEMOS.items():
        config = Config.fromfile(CONFIGS / path)
        config.merge_from_dict(dict(model=NARROW[task]))
        root = str(folder / 'mnist' if task == 'classification' else scenes)
        for loader in (config.train_dataloader, config.val_dataloader, config.test_dataloader):
            loader.dataset.data_root = root
            loader.update(num_workers=0, persistent_workers=False)
        if task == 'detection':
            annotations = f'{root}/annotations/instances_validation.json'
            config.test_evaluator.ann_file = config.val_evaluator.ann_file = annotations
        config.dump(folder / f'{task}.py')
        init_default_scope(config.default_scope)
        torch.manual_seed(0)
        model = settle_model(MODELS.build(config.model))
        checkpoint = folder / f'{task}.pth'
        torch.save(dict(meta=dict(), state_dict=model.state_dict()), checkpoint)
        files[task] = (folder / f'{task}.py', checkpoint)
    return files


@pytest.fixture
def load_demo(demo_files):
    """Load a task's narrow model, and its config."""
    from mmengine.runner import load_checkpoint

    def load(task):
        config_file, checkpoint = demo_files[task]
        config = Config.fromfile(config_file)
        init_default_scope(config.default_scope)
        model = MODELS.build(config.model).eval()
        load_checkpoint(model, str(checkpoint), map_location='cpu')
        return model, config

    return load
