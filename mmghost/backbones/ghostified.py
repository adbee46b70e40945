from mmengine.registry import MODELS as ROOT_MODELS

from mmghost.layers import ghostify
from mmghost.registry import register_backbone
from mmghost.utils import check_type


@register_backbone
def Ghostified(model, **kwargs):
    """Any registered network with Ghost modules for convolutions, for configs.

    ``dict(type='mmghost.Ghostified', model=dict(type='HRNet', ...), ratio=2)`` takes the place of
    ``dict(type='HRNet', ...)``.

    Args:
        model (dict): Config of the network; a type without a scope is looked up in the config's
            own.
        **kwargs: The other arguments of :func:`mmghost.layers.ghostify`.

    Returns:
        nn.Module: The network, of the same inputs and outputs.

    Raises:
        KeyError: If there is no such type.
        TypeError, ValueError: As :func:`mmghost.layers.ghostify` does.
    """
    check_type('model', model, dict, 'the config of a network')
    return ghostify(ROOT_MODELS.build(model), **kwargs)
