from mmghost.layers import ghostify
from mmghost.registry import register_backbone
from mmghost.utils import check_choice

from .mmpretrain_backbones import import_mmpretrain_backbones


@register_backbone
def GhostVGG(depth=16, ratio=2, cheap_kernel_size=3, skip=(), norm_cfg=dict(type='BN'), **kwargs):
    """mmpretrain's VGG with Ghost modules for convolutions: Ghost-VGG-16 of GhostNet.

    GhostNet (Han et al., CVPR 2020), Section 4.1.2 and Tables 3 to 5. All convolutions are
    replaced, the first one too, which is what the multiply-adds of Tables 3 and 4 say. Batch norm
    and ReLU follow each Ghost module. The paper's variant for CIFAR-10 has two linear layers,
    512 to 512 to 10, after the convolutions; they are a matter of the head here.

    Args:
        depth (int): 11, 13, 16 or 19. Defaults to 16.
        ratio (int): ``s`` of the paper, at least 2. Defaults to 2.
        cheap_kernel_size (int): ``d`` of the paper, odd. Defaults to 3.
        skip (Sequence[str]): Names of modules that stay as they are, as in
            :func:`mmghost.layers.ghostify`. Defaults to ().
        norm_cfg (dict, optional): Config of the norm layers, None for VGG without them.
            Defaults to ``dict(type='BN')``.
        **kwargs: Further arguments of mmpretrain's VGG: ``out_indices``, ``frozen_stages``,
            ``norm_eval``, ``dilations``, ``with_last_pool`` ...

    Returns:
        mmpretrain.models.VGG: From ``(N, 3, H, W)`` to a tuple with one
        ``(N, C, H // stride, W // stride)`` per out index: strides 2, 4, 8, 16 and 32, channels
        64, 128, 256, 512 and 512.

    Raises:
        ImportError: If mmpretrain cannot be imported.
        TypeError, ValueError: As :func:`mmghost.layers.ghostify` does, or for ``depth``.
    """
    VGG = import_mmpretrain_backbones('GhostVGG').VGG
    check_choice('depth', depth, sorted(VGG.arch_settings))
    backbone = VGG(depth, norm_cfg=norm_cfg, **kwargs)
    return ghostify(backbone, ratio, cheap_kernel_size, skip=skip)
