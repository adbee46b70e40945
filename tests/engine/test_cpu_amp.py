import subprocess
import sys

import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper
from tiny_configs import CLASSIFICATION, DETECTION, SEGMENTATION, filled
from torch import nn

from mmghost.engine import CPUAmpOptimWrapper, support_cpu_amp


def test_the_forward_pass_is_in_bfloat16_and_the_weights_are_not():
    model = nn.Conv2d(3, 8, 3)
    wrapper = CPUAmpOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.randn(2, 3, 8, 8))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().square().mean())
    assert model.weight.dtype == torch.float32 and not torch.equal(model.weight, before)


@pytest.mark.parametrize('kind', ['AmpOptimWrapper', 'mmengine.AmpOptimWrapper', AmpOptimWrapper])
def test_mmengines_wrapper_is_replaced(kind):
    config = Config(dict(optim_wrapper=dict(type=kind, loss_scale='dynamic', clip_grad=None)))
    found = support_cpu_amp(config).optim_wrapper
    assert found == dict(type='mmghost.CPUAmpOptimWrapper', clip_grad=None)


@pytest.mark.parametrize('config', [dict(), dict(optim_wrapper=dict(type='OptimWrapper'))])
def test_other_configs_are_left_alone(config):
    assert support_cpu_amp(Config(config)).to_dict() == config


def test_float16_is_refused():
    config = Config(dict(optim_wrapper=dict(type='AmpOptimWrapper', dtype='float16')))
    with pytest.raises(ValueError, match='optim_wrapper.dtype must be bfloat16 on a CPU'):
        support_cpu_amp(config)


@pytest.mark.slow
@pytest.mark.parametrize(
    'text', [DETECTION, SEGMENTATION, CLASSIFICATION], ids=['mmdet', 'mmseg', 'mmpretrain']
)
def test_the_option_of_the_training_tool(text, tmp_path, scenes, folders):
    (tmp_path / 'config.py').write_text(filled(text, scenes, folders))
    words = (ROOT / 'tools' / 'train.py', 'config.py', '--work-dir', 'work', '--amp')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', *map(str, words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'mmghost.CPUAmpOptimWrapper' in done.stdout
    checkpoint = (tmp_path / 'work' / 'last_checkpoint').read_text()
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    assert all(value.isfinite().all() for value in weights.values())
    assert {value.dtype for value in weights.values()} == {torch.float32, torch.int64}
