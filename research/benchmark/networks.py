"""The networks that can be compared, by name, with weights as gentle as trained ones."""

from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.registry import MODELS
from torch import nn
from torch.optim.swa_utils import update_bn

from mmghost.backbones import GhostNet, GhostNetV2, GhostNetV3
from mmghost.utils.configs import SUFFIXES
from mmghost.utils.whole_models import build_whole_model

from ..results import read_config

MAPS = (0, 1, 2, 3, 4)


class Model(NamedTuple):
    """A network to measure.

    Models of one family have the same weights, and so the same outputs. Those that ``deploys`` is
    true of have a deploy form; timm's are taken as they come.
    """

    name: str
    family: str
    module: nn.Module
    deploys: bool = True


class TimmClassifier(nn.Module):
    """timm's classifier, its outputs a tuple as those of other models; branches can be merged."""

    def __init__(self, name):
        import timm

        super().__init__()
        self.model = timm.create_model(name)

    def forward(self, x):
        return (self.model(x),)

    def merge(self):
        from timm.utils.model import reparameterize_model

        self.model = reparameterize_model(self.model)


class TimmStages(nn.Module):
    """timm's GhostNet up to the ends of its five stages, which timm's own taps are not at."""

    def __init__(self, model):
        super().__init__()
        self.conv_stem, self.bn1, self.act1 = model.conv_stem, model.bn1, model.act1
        self.blocks = model.blocks[:-1]

    def forward(self, x):
        x = self.act1(self.bn1(self.conv_stem(x)))
        outs = []
        for index, group in enumerate(self.blocks):
            x = group(x)
            if index % 2 == 0:  # from the second stage on, its strided bottleneck has a group
                outs.append(x)
        return tuple(outs)


def _timm(version, width):
    import timm

    stages = timm.create_model('ghostnet_100').cfgs
    return TimmStages(timm.models.ghostnet.GhostNet(stages, width=width, version=version))


def _self_attention(width):
    """GhostNetV2's Table 1: GhostNet with self-attention, as mmghost's config of the row has it."""
    row = read_config('research/configs/classification/ghostnet-1.0x-self-attention_8xb128_in1k.py')
    return MODELS.build(dict(row.model.backbone, widen_factor=width, out_indices=MAPS))


def _mobilenetv2(width):
    """mmpretrain's, less the last convolution, which it would run for no map."""
    from mmpretrain.models import MobileNetV2

    module = MobileNetV2(width, out_indices=(0, 1, 2, 4, 6))
    module.layers.remove('conv2')
    del module.conv2
    return module


#: What builds each network with five maps, at strides 2 to 32, from its width
NETWORKS = {
    'mmghost.ghostnetv2': lambda width: GhostNetV2(width, out_indices=MAPS),
    'mmghost.ghostnetv3': lambda width: GhostNetV3(width, out_indices=MAPS),
    'mmghost.ghostnet': lambda width: GhostNet(width, out_indices=MAPS),
    'mmghost.ghostnet-self-attention': _self_attention,
    'timm.ghostnetv2': lambda width: _timm('v2', width),
    'timm.ghostnetv3': lambda width: _timm('v3', width),
    'timm.ghostnet': lambda width: _timm('v1', width),
    'mobilenetv2': _mobilenetv2,
}


def has_own_width(name):
    """Tell whether a name is one of a config or timm's classifier rather than of a network."""
    return '::' in name or Path(name).suffix in SUFFIXES


def build_model(name, width=1.0):
    """Build a network of :data:`NETWORKS`, of a config, or a whole classifier of timm's.

    A config is a file or ``package::path``, a classifier ``timm::name``.
    """
    if name in NETWORKS:
        family = name.removeprefix('timm.').removeprefix('mmghost.')
        return Model(name, family, NETWORKS[name](width), deploys=not name.startswith('timm.'))
    if not has_own_width(name):
        raise ValueError(
            f'there is no model {name!r}: give one of {", ".join(NETWORKS)}, a config, or '
            'timm::name.'
        )
    if width != 1:
        raise ValueError(f'{name} has a width of its own: leave --width out.')
    if name.startswith('timm::'):
        return Model(name, name, TimmClassifier(name.removeprefix('timm::')), deploys=False)
    whole = build_whole_model(name)
    if not whole.takes_images_alone:
        raise ValueError(
            f'{name} does not run on images alone, as two-stage detectors and transformers: '
            'their speed is not measured.'
        )
    return Model(name, name, whole)


def build_models(names, width=1.0):
    """Build networks by :func:`build_model` in evaluation mode, one family with the same weights.

    Raises:
        OSError, ValueError: If a network or config does not exist, or does not run on an image
            alone.
    """
    models = [build_model(name, width) for name in names]
    sources = {}
    # timm's first: mmghost's load their weights, not the other way round
    for model in sorted(models, key=lambda model: model.deploys):
        if model.family in sources:
            model.module.load_state_dict(sources[model.family].state_dict())
            model.module.eval()
        else:
            settle(model.module)
            if isinstance(model.module, TimmClassifier):
                model.module.merge()
            sources[model.family] = model.module
    return models


def settle(module, seed=0):
    """Give a module random weights, and its batch norms the statistics of its features on noise.

    With statistics out of the blue a deep network amplifies rounding, and two forms of it could not
    be compared. The module takes images and is in evaluation mode then.
    """
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.double)

    module.double()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(noise(*parameter.shape) * (2 / parameter[0].numel()) ** 0.5)
            else:
                parameter.copy_(name.endswith('weight') + 0.1 * noise(*parameter.shape))
    update_bn([noise(4, 3, 192, 192) for _ in range(2)], module)
    module.float().eval()
