"""mmghost's nodes in OpenMMLab's registry tree.

mmengine imports this module when a config says ``type='mmghost.X'``.
"""

from mmengine import registry as root
from mmengine.registry import Registry


def _node(parent, *modules):
    """Make the node of a root registry whose entries are in some of mmghost's modules."""
    locations = [f'mmghost.{module}' for module in modules]
    return Registry(parent.name, parent=parent, scope='mmghost', locations=locations)


HOOKS = _node(root.HOOKS, 'engine')
MODELS = _node(root.MODELS, 'backbones', 'classifiers', 'deploy.exported_model', 'heads', 'layers')
MODEL_WRAPPERS = _node(root.MODEL_WRAPPERS, 'engine')
OPTIM_WRAPPERS = _node(root.OPTIM_WRAPPERS, 'engine')
OPTIMIZERS = _node(root.OPTIMIZERS, 'engine')
RUNNERS = _node(root.RUNNERS, 'engine')


def register_backbone(cls):
    """Register a class as ``mmghost.NAME`` and, where the name is free there, at the root.

    The root entry is what lets mmdet, mmseg and mmpretrain find the plain name once mmghost has
    been imported.
    """
    if cls.__name__ not in root.MODELS.module_dict:
        root.MODELS.register_module(module=cls)
    return MODELS.register_module(module=cls)
