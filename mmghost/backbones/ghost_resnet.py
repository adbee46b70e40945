from mmghost.layers import ghostify
from mmghost.registry import register_backbone
from mmghost.utils import check_choice, check_int

from .mmpretrain_backbones import import_mmpretrain_backbones

CIFAR_DEPTHS = (20, 32, 44, 56, 110)


@register_backbone
def GhostResNet(depth, ratio=2, cheap_kernel_size=3, skip=None, **kwargs):
    """mmpretrain's ResNet with Ghost modules for convolutions: Ghost-ResNet-50 and -56.

    GhostNet (Han et al., CVPR 2020), Section 4.1.3 and Table 6 for ImageNet, Section 4.1.2 and
    Table 5 for CIFAR-10. All convolutions but the first are replaced, those of the shortcuts too:
    so the authors say (huawei-noah/Efficient-AI-Backbones, issue 34), and so the multiply-adds of
    Table 6 come out. Batch norm and ReLU follow each Ghost module. With ``dilations`` the cheap
    operations are dilated like their convolutions, which the authors (same issue) did not do.

    Depths 20, 32, 44, 56 and 110 are those for CIFAR (He et al., CVPR 2016, Section 4.2): a 3x3
    stem without pooling, three stages of ``(depth - 2) / 6`` basic blocks, 16, 32 and 64 channels;
    the shortcuts between stages are mmpretrain's 1x1 convolutions.

    Args:
        depth (int): 18, 34, 50, 101 or 152 for ImageNet; 20, 32, 44, 56 or 110 for CIFAR.
        ratio (int): ``s`` of the paper; 1 gives the plain ResNet. Defaults to 2.
        cheap_kernel_size (int): ``d`` of the paper, odd. Defaults to 3.
        skip (Sequence[str], optional): Names of modules that stay as they are, as in
            :func:`mmghost.layers.ghostify`. Defaults to None, the first convolution.
        **kwargs: Further arguments of mmpretrain's ResNet: ``out_indices``, ``frozen_stages``,
            ``norm_eval``, ``strides``, ``dilations``, ``deep_stem`` ...

    Returns:
        mmpretrain.models.ResNet: From ``(N, 3, H, W)`` to a tuple with one
        ``(N, C, ceil(H / stride), ceil(W / stride))`` per out index. For ImageNet strides 4, 8, 16
        and 32, channels 64, 128, 256 and 512, from depth 50 on four times these; for CIFAR
        strides 1, 2 and 4.

    Raises:
        ImportError: If mmpretrain cannot be imported.
        TypeError, ValueError: As :func:`mmghost.layers.ghostify` does, or for ``depth``.
    """
    backbones = import_mmpretrain_backbones('GhostResNet')
    check_choice('depth', depth, sorted((*backbones.ResNet.arch_settings, *CIFAR_DEPTHS)))
    check_int('ratio', ratio, 1)
    if depth in CIFAR_DEPTHS:
        backbone = _cifar_resnet(backbones.ResNet_CIFAR, depth, **kwargs)
    else:
        backbone = backbones.ResNet(depth, **kwargs)
    if ratio == 1:
        return backbone
    if skip is None:
        skip = ('stem.0' if backbone.deep_stem else 'conv1',)
    return ghostify(backbone, ratio, cheap_kernel_size, skip=skip)


def _cifar_resnet(base, depth, **kwargs):
    basic_block, _ = base.arch_settings[18]
    blocks = ((depth - 2) // 6,) * 3
    small = type('ResNet_CIFAR', (base,), dict(arch_settings={depth: (basic_block, blocks)}))
    three_stages = dict(
        num_stages=3,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
    )
    return small(depth, **(three_stages | kwargs))
