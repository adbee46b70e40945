import pytest
import torch
from helpers import CONFIGS, RESEARCH
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from settled_models import settle_model
from tool_runs import run_tool
from torch import nn

from mmghost.backbones import GhostNetV2
from mmghost.deploy import deploy_checkpoint

DETECTOR = CONFIGS / 'detection' / 'yolov3_ghostnetv2-1.0x_1xb16-128-3e_fashion-scenes.py'


def build(path, **backbone):
    config = Config.fromfile(path)
    init_default_scope(config.default_scope)
    config.model.backbone.update(backbone)
    return MODELS.build(config.model).eval()


def test_deployed_detector_gives_the_same_outputs(tmp_path):
    model = settle_model(build(DETECTOR))
    torch.save(dict(meta=dict(epoch=3), state_dict=model.state_dict()), tmp_path / 'epoch_3.pth')
    deploy_checkpoint(DETECTOR, tmp_path / 'epoch_3.pth', tmp_path / 'deployed.pth')
    content = torch.load(tmp_path / 'deployed.pth', weights_only=True)
    assert content['meta']['epoch'] == 3 and content['meta']['deploy'] is True
    deployed = build(DETECTOR, deploy=True)
    load_checkpoint(deployed, str(tmp_path / 'deployed.pth'), strict=True)
    x = torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        for expected, found in zip(model(x)[0], deployed(x)[0]):
            assert (found - expected).abs().max() / expected.abs().max() < 1e-4


def test_tool(tmp_path):
    def run(*words):
        return run_tool('model_converters/deploy_checkpoint.py', DETECTOR, *words, cwd=tmp_path)

    torch.save(dict(state_dict=build(DETECTOR).state_dict()), tmp_path / 'epoch_3.pth')
    done = run('epoch_3.pth', 'new/deployed.pth')
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['deployed.pth']
    done = run('new/deployed.pth', 'other.pth')
    assert done.returncode == 1 and 'set model.backbone.deploy=True' in done.stderr
    assert 'Traceback' not in done.stderr and not (tmp_path / 'other.pth').exists()


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_weights_of_the_other_form_are_refused(prefix):
    def model(**options):
        backbone = GhostNetV2(0.5, **options)
        return nn.ModuleDict(dict(backbone=backbone)) if prefix else backbone

    with pytest.raises(RuntimeError, match='weights are those of the deploy form: set model'):
        model().load_state_dict(model(deploy=True).state_dict(), strict=False)
    with pytest.raises(RuntimeError, match='weights have batch norms, .* leave out model.back'):
        model(deploy=True).load_state_dict(model().state_dict(), strict=False)
    options = dict(norm_cfg=None)
    model(**options, deploy=True).load_state_dict(model(**options).state_dict())
    model(**options).load_state_dict(model(**options, deploy=True).state_dict())


def test_training_in_the_deploy_form_is_told():
    backbone = GhostNetV2(0.5, deploy=True)
    with pytest.warns(UserWarning, match='trained in its deploy form, without batch norms'):
        backbone.train()


def test_other_backbones_are_refused(tmp_path):
    config = RESEARCH / 'classification' / 'resnet56_8xb16_cifar10.py'
    torch.save(dict(state_dict=build(config).state_dict()), tmp_path / 'epoch_1.pth')
    with pytest.raises(ValueError, match='ResNet_CIFAR has no deploy form'):
        deploy_checkpoint(config, tmp_path / 'epoch_1.pth', tmp_path / 'deployed.pth')
