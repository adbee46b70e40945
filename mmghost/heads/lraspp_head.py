from torch import nn

from mmghost.registry import MODELS


@MODELS.register_module()
def LRASPPHead(**kwargs):
    """Build mmseg's Lite R-ASPP head (Howard et al., ICCV 2019, Section 6.4) for any size.

    mmseg's pools over 49x49 positions, as the paper does for Cityscapes at output stride 16: it
    fails on maps that are smaller, such as those of 512x512 pixels. This one pools over the whole
    map, as torchvision's does.

    Args:
        **kwargs: As those of mmseg's ``LRASPPHead``.

    Returns:
        mmseg.models.decode_heads.LRASPPHead: From three maps, ``(N, C, H, W)``, to logits in the
        size of the first.
    """
    from mmseg.models import LRASPPHead

    head = LRASPPHead(**kwargs)
    head.image_pool[0] = nn.AdaptiveAvgPool2d(1)
    return head
