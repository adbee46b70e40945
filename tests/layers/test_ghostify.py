import copy

import mmdet.models.backbones as mmdet_backbones
import mmpretrain.models.backbones as mmpretrain_backbones
import mmseg.models.backbones as mmseg_backbones
import pytest
import torch
from mmcv.cnn import ConvModule
from torch import nn

from mmghost.layers import GhostModule, ghostify

BN = dict(type='BN')
D8 = dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
GEOMETRY = ('in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation')


def hrnet():
    def stage(branches, block='BASIC'):
        channels = tuple(8 * 2**index for index in range(branches))
        return dict(
            num_modules=1,
            num_branches=branches,
            block=block,
            num_blocks=(1,) * branches,
            num_channels=channels,
        )

    stages = {f'stage{n}': stage(n) for n in (2, 3, 4)}
    return mmpretrain_backbones.HRNet(extra=dict(stage1=stage(1, 'BOTTLENECK'), **stages))


NETWORKS = {
    'ResNet d8': lambda: mmpretrain_backbones.ResNet(18, **D8, out_indices=(0, 3)),
    'ResNetV1c d8': lambda: mmseg_backbones.ResNetV1c(
        depth=18, **D8, contract_dilation=True, norm_cfg=BN
    ),
    'ResNet_CIFAR': lambda: mmpretrain_backbones.ResNet_CIFAR(18, base_channels=8),
    'VGG': lambda: mmpretrain_backbones.VGG(11),
    'VGG with BN': lambda: mmpretrain_backbones.VGG(11, norm_cfg=BN),
    'RegNet': lambda: mmpretrain_backbones.RegNet('regnetx_400mf'),
    'HRNet': hrnet,
    'CSPDarknet': lambda: mmdet_backbones.CSPDarknet(deepen_factor=0.33, widen_factor=0.25),
    'MobileNetV2': lambda: mmpretrain_backbones.MobileNetV2(0.5),
    'ConvNeXt': lambda: mmpretrain_backbones.ConvNeXt('atto'),
    'InceptionV3': lambda: mmpretrain_backbones.InceptionV3(num_classes=10, aux_logits=False),
    'DenseNet': lambda: mmpretrain_backbones.DenseNet('121'),
    'EfficientNet': lambda: mmpretrain_backbones.EfficientNet('b0'),
    'EdgeNeXt': lambda: mmpretrain_backbones.EdgeNeXt('xxsmall'),
    'VAN': lambda: mmpretrain_backbones.VAN('tiny'),
    'BiSeNetV2': lambda: mmseg_backbones.BiSeNetV2(norm_cfg=BN),
}
SIZES = {'InceptionV3': (91, 96), 'ResNet d8': (65, 70), 'ResNetV1c d8': (65, 70)}
# Some convolutions of theirs are of this subclass, which differs for empty inputs only
PLAIN = ('torch.nn.modules.conv.Conv2d', 'mmcv.cnn.bricks.wrappers.Conv2d')


def tensors(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for output in outputs if output is not None for tensor in tensors(output)]


def learn(network, x):
    """The outputs, and the gradients of their squares."""
    network.zero_grad()
    outputs = tensors(network(x))
    sum(output.square().mean() for output in outputs).backward()
    return outputs, {name: value.grad for name, value in network.named_parameters()}


def ghosts(network):
    return [name for name, module in network.named_modules() if isinstance(module, GhostModule)]


@pytest.mark.parametrize('name', NETWORKS)
def test_networks(name):
    network = NETWORKS[name]()
    network.train()
    x = torch.randn(2, 3, *SIZES.get(name, (64, 96)))
    expected, _ = learn(network, x)
    modules = dict(network.named_modules())
    replaced = {
        key: module
        for key, module in modules.items()
        if f'{type(module).__module__}.{type(module).__name__}' in PLAIN and module.groups == 1
    }

    assert ghostify(network, ratio=3, cheap_kernel_size=5) is network
    assert set(ghosts(network)) == set(replaced)
    for key, conv in replaced.items():
        ghost = network.get_submodule(key)
        assert [getattr(ghost, field) for field in GEOMETRY] == [
            getattr(conv, field) for field in GEOMETRY
        ]
        assert (ghost.primary_conv.conv.bias is None) == (conv.bias is None)
        assert not ghost.primary_conv.with_norm and not ghost.primary_conv.with_activation
    for key in modules.keys() - replaced.keys():
        assert network.get_submodule(key) is modules[key]

    outputs, gradients = learn(network, x)
    assert [output.shape for output in outputs] == [output.shape for output in expected]
    assert all(grad is not None and grad.isfinite().all() for grad in gradients.values())


class Subclass(nn.Conv2d):
    pass


def test_what_cannot_be_a_ghost_module_stays():
    network = nn.Sequential(
        nn.Conv2d(4, 8, 3),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Conv2d(8, 8, 1, groups=2),
        Subclass(8, 8, 1),
        nn.Conv2d(8, 8, 3, padding=1, padding_mode='reflect'),
        nn.Conv2d(8, 8, 3, padding='same'),
        nn.utils.spectral_norm(nn.Conv2d(8, 8, 1)),
        nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1)),
        nn.ConvTranspose2d(8, 8, 2),
        GhostModule(8, 8),
        nn.Conv2d(8, 2, 1),
        nn.Sequential(nn.Conv2d(2, 3, 1)),
    )
    before = list(network)
    ghostify(network, ratio=3)
    assert isinstance(network[0], GhostModule)
    assert list(network)[1:] == before[1:]
    assert isinstance(network[-1][0], GhostModule)
    assert ghosts(network) == ['0', '9', '11.0']
    assert network(torch.randn(2, 4, 9, 8)).shape == (2, 3, 6, 5)


def test_convolutions_in_conv_modules():
    network = nn.Sequential(ConvModule(3, 8, 3, padding=1, padding_mode='reflect', norm_cfg=BN))
    ghostify(network)
    assert ghosts(network) == ['0.conv']
    assert network(torch.randn(2, 3, 6, 5)).shape == (2, 8, 6, 5)


@pytest.mark.parametrize(
    ('skip', 'kept'),
    [
        (['conv1'], {'conv1'}),
        (
            ('layer1', 'layer2.*', 'layer4.?.conv1'),
            {'layer1', 'layer2', 'layer4.0.conv1', 'layer4.1.conv1'},
        ),
        (['*.downsample.0'], {f'layer{n}.0.downsample' for n in (2, 3, 4)}),
    ],
)
def test_skip(skip, kept):
    network = mmpretrain_backbones.ResNet(18)
    convs = {name for name, module in network.named_modules() if type(module) is nn.Conv2d}
    kept = {conv for conv in convs if any(f'{conv}.'.startswith(f'{name}.') for name in kept)}
    ghostify(network, skip=skip)
    assert set(ghosts(network)) == convs - kept


def test_shared_convolutions_stay_shared():
    conv = nn.Conv2d(4, 4, 1)
    network = nn.ModuleDict(dict(a=conv, b=nn.Sequential(conv), c=conv, d=nn.Conv2d(4, 4, 1)))
    kept = ghostify(copy.deepcopy(network), skip=['b.0'])
    assert isinstance(kept['a'], nn.Conv2d) and kept['a'] is kept['b'][0] is kept['c']
    ghostify(network)
    assert isinstance(network['a'], GhostModule)
    assert network['a'] is network['b'][0] is network['c'] is not network['d']


def test_mode_dtype_device_and_freezing_stay():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1, device='meta'))
    network[0].double().eval().requires_grad_(False)
    ghostify(network, norm_cfg=BN)
    assert not any(module.training for module in network[0].modules())
    assert all(module.training for module in network[1].modules())
    for parameter in network[0].parameters():
        assert parameter.dtype == torch.double and not parameter.requires_grad
    for parameter in network[1].parameters():
        assert parameter.is_meta and parameter.requires_grad


def test_norm_and_activation_inside():
    network = ghostify(nn.Sequential(nn.Conv2d(3, 8, 1)), norm_cfg=BN, act_cfg=dict(type='ReLU6'))
    for layer in (network[0].primary_conv, network[0].cheap_operation):
        assert isinstance(layer.norm, nn.BatchNorm2d) and isinstance(layer.activate, nn.ReLU6)


@pytest.mark.parametrize(
    ('kwargs', 'error', 'message'),
    [
        (dict(model='ResNet'), TypeError, '^model must be'),
        (dict(ratio=1), ValueError, '^ratio must be'),
        (dict(ratio='2'), TypeError, '^ratio must be'),
        (dict(cheap_kernel_size=4), ValueError, '^cheap_kernel_size must be'),
        (dict(skip='0'), TypeError, '^skip must be'),
        (dict(skip=[0]), TypeError, '^each of skip must be'),
        (dict(skip=['0', '2']), ValueError, "^skip names '2'"),
        (dict(skip=['0', '1']), ValueError, 'no convolution to replace'),
        (dict(ratio=9), ValueError, 'no convolution to replace'),
        (dict(norm_cfg=dict(type='GN', num_groups=4)), ValueError, 'num_channels'),
        (dict(model=nn.Conv2d(3, 8, 1)), ValueError, 'no convolution to replace'),
        (dict(model=nn.Sequential(GhostModule(3, 8))), ValueError, 'no convolution to replace'),
    ],
)
def test_errors_name_what_is_wrong_and_change_nothing(kwargs, error, message):
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 6, 1))
    convs = list(network)
    with pytest.raises(error, match=message):
        ghostify(**(dict(model=network) | kwargs))
    assert list(network) == convs
