"""mmghost's nodes in OpenMMLab's registry tree.

mmengine imports this module when a config says ``type='mmghost.X'``.
"""

from mmengine.registry import HOOKS as ROOT_HOOKS
from mmengine.registry import LOOPS as ROOT_LOOPS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import OPTIM_WRAPPERS as ROOT_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as ROOT_OPTIMIZERS
from mmengine.registry import Registry

HOOKS = Registry('hook', parent=ROOT_HOOKS, scope='mmghost', locations=['mmghost.engine'])
LOOPS = Registry('loop', parent=ROOT_LOOPS, scope='mmghost', locations=['mmghost.engine'])
MODELS = Registry(
    'model',
    parent=ROOT_MODELS,
    scope='mmghost',
    locations=['mmghost.backbones', 'mmghost.deploy.exported_model', 'mmghost.layers'],
)
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper',
    parent=ROOT_OPTIM_WRAPPERS,
    scope='mmghost',
    locations=['mmghost.engine'],
)
OPTIMIZERS = Registry(
    'optimizer', parent=ROOT_OPTIMIZERS, scope='mmghost', locations=['mmghost.engine']
)


def register_model(cls):
    """Register a class as ``mmghost.NAME`` and, in the root registry, as ``NAME``.

    The root entry is what lets mmdet, mmseg and mmpretrain find the plain name once mmghost has
    been imported.
    """
    ROOT_MODELS.register_module(module=cls)
    return MODELS.register_module(module=cls)
