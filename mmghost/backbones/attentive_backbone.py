from importlib import import_module

from mmghost.layers import attach_attention
from mmghost.registry import MODELS, register_backbone
from mmghost.utils import check_type


@register_backbone
def AttentiveBackbone(backbone, attention_cfg, where='expanded', blocks=None, **kwargs):
    """Build an mm package's backbone with an attention in its inverted residuals.

    GhostNetV2, Section 5.4, Table 4.

    Args:
        backbone (str): The backbone's registered name with its package, such as
            'mmpretrain.MobileNetV2' or 'mmdet.MobileNetV2'.
        attention_cfg, where, blocks: As in :func:`mmghost.layers.attach_attention`.
        **kwargs: The backbone's own arguments.

    Returns:
        nn.Module: The backbone, of its own class.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
        ImportError: If the package cannot be imported.
        KeyError: If the package has no such backbone.
    """
    check_type('backbone', backbone, str, "a name such as 'mmpretrain.MobileNetV2'")
    package, dot, _ = backbone.partition('.')
    if not dot:
        raise ValueError(
            f"backbone must be a name such as 'mmpretrain.MobileNetV2', but got {backbone!r}."
        )
    try:
        import_module(f'{package}.registry')
    except ImportError as error:
        raise ImportError(f'{backbone} needs {package}: {error}') from error
    return attach_attention(MODELS.build(dict(kwargs, type=backbone)), attention_cfg, where, blocks)
