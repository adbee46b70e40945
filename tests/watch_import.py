"""Print what importing mmghost, and building from it, replaces in other packages."""

import pickle  # noqa: F401
import sys

import mmcv.ops  # noqa: F401
import mmengine.hub
import mmengine.infer
import mmengine.runner
from mmengine.registry import HOOKS, MODELS, RUNNERS, Registry, init_default_scope, root

PACKAGES = ('mmdet', 'mmseg', 'mmpretrain')
OTHERS = ('argparse', 'pickle', 'numpy', 'torch', 'torchvision', 'mmengine', 'mmcv', *PACKAGES)
# Made anew by torch and mmengine where something is added
GROWING = ('_schemes', '_marked_safe_globals_set')
REGISTRIES = [value for value in vars(root).values() if isinstance(value, Registry)]


def build(name):
    """Have a model of each package built, and registries searched."""
    for package in PACKAGES:
        init_default_scope(package)
        MODELS.build(dict(type=name))
    HOOKS.get('mmdet.YOLOXModeSwitchHook')
    RUNNERS.get('Runner')


def attributes():
    """Collect what modules, their classes and their dicts hold, by its path."""
    found = {}
    for module in [name for name in sys.modules if name.split('.')[0] in OTHERS]:
        for name, value in list(vars(sys.modules[module]).items()):
            found[module, name] = value
            inner = value if isinstance(value, dict) else {}
            if isinstance(value, type) and value.__module__ == module:
                inner = vars(value)
            for key, content in list(inner.items()):
                found[module, name, str(key)] = content
    for scheme, loader in mmengine.runner.CheckpointLoader._schemes.items():
        found['scheme', scheme] = loader
    for registry in REGISTRIES:
        for name, entry in registry.module_dict.items():
            found[registry.name, 'entry', name] = entry
    return found


def same(one, other):
    plain = isinstance(one, (int, float, str, bytes, tuple, type(None)))  # counters, among others
    return one is other or (plain and type(one) is type(other))


def main():
    for package in PACKAGES:
        __import__(f'{package}.models')
    build('mmpretrain.MobileNetV2')
    before = attributes()
    import mmghost  # noqa: F401

    build('mmghost.GhostNetV2')
    assert RUNNERS.get('mmghost.ResumableRunner') and HOOKS.get('mmghost.ChannelsLastHook')
    after = attributes()
    for path, value in before.items():
        special = path[-1].startswith('__') and path[-1] != '__init__'
        if not special and path[-1] not in GROWING and not same(value, after.get(path)):
            print('replaced:', *path)
    for path in after.keys() - before.keys():
        if path[1] == 'entry':
            print('added:', path[0], path[2])


if __name__ == '__main__':
    main()
