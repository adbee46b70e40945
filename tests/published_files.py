"""Files in the layouts that GhostNet weights are given out in, and what they must give."""

import argparse

import torch
from helpers import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from safetensors.torch import save_file

# timm's names, and the models of our configs
NAMES = {
    'ghostnetv2_100': 'ghostnetv2-1.0x',
    'ghostnetv2_130': 'ghostnetv2-1.3x',
    'ghostnetv2_160': 'ghostnetv2-1.6x',
    'ghostnet_050': 'ghostnet-0.5x',
    'ghostnet_100': 'ghostnet-1.0x',
    'ghostnet_130': 'ghostnet-1.3x',
}


def write(kind, model, folder):
    """Write a file in one of the layouts; return its path."""
    weights = model.state_dict()
    other = {key: torch.zeros_like(value) for key, value in weights.items()}
    path = folder / {'safetensors': 'model.safetensors', 'bin': 'pytorch_model.bin'}.get(
        kind, 'ck_ghostnetv2_10.pth.tar'
    )
    if kind == 'safetensors':
        save_file(weights, path)
    elif kind == 'authors':
        optimizer = torch.optim.RMSprop(model.parameters()).state_dict()
        args = argparse.Namespace(model='ghostnetv2', width=1.0)
        content = dict(epoch=449, arch='ghostnetv2', state_dict=weights, args=args, version=2)
        torch.save(dict(content, optimizer=optimizer, metric=75.3), path)
    elif kind == 'authors with EMA':
        content = dict(state_dict=other, state_dict_ema=weights, args=argparse.Namespace())
        torch.save(content, path)
    elif kind == 'DataParallel':
        torch.save(dict(state_dict={f'module.{k}': v for k, v in weights.items()}), path)
    elif kind == 'compiled':
        weights = {f'module._orig_mod.{key}': value for key, value in weights.items()}
        torch.save(dict(model_state_dict=weights), path)
    else:
        torch.save(weights, path)
    return path


KINDS = ('safetensors', 'bin', 'authors', 'authors with EMA', 'DataParallel', 'compiled', 'plain')


def build_classifier(name, **kwargs):
    """Build the classifier of an ImageNet config."""
    config = Config.fromfile(CONFIGS / 'classification' / f'{name}_8xb128_in1k.py')
    init_default_scope('mmpretrain')
    return MODELS.build(dict(config.model, **kwargs)).eval()


def assert_same_logits(ours, theirs):
    x = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        expected, found = theirs(x), ours(x)
    assert expected.std() > 0.01
    assert (found - expected).abs().max() / expected.abs().max() < 1e-5
