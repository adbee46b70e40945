"""The names that timm and the authors' release give to GhostNet's weights."""

import re

TIMM_HEAD = ('conv_head.', 'classifier.')

# GhostNetV3's branches: ghost1.primary_rpr_conv.0.bn1.weight is
# ghost1.primary_conv.branches.0.bn.weight
_BRANCHED = {
    'ghost1.primary': 'ghost1.primary_conv',
    'ghost1.cheap': 'ghost1.cheap_operation',
    'ghost2.primary': 'ghost2.primary_conv',
    'ghost2.cheap': 'ghost2.cheap_operation',
    'dw': 'depthwise',
}
_BRANCH = re.compile(rf'({"|".join(_BRANCHED)})_rpr_(conv\.\d+|scale|skip)\.(.+)')
_OUR_BRANCH = re.compile(rf'({"|".join(_BRANCHED.values())})\.(branches\.\d+|scale|skip)\.(.+)')

_BLOCK = re.compile(r'blocks\.(\d+)\.(\d+)\.(.+)')

# Within a bottleneck: (the end of a timm name, the end of mmghost's).
_PARTS = {
    **{
        f'ghost{ghost}.{part}.{index}.': f'ghost{ghost}.{part}.{layer}.'
        for ghost in (1, 2)
        for part in ('primary_conv', 'cheap_operation')
        for index, layer in enumerate(('conv', 'bn'))
    },
    **{
        f'ghost1.short_conv.{index}.': f'ghost1.attention.{layer}.'
        for index, layer in enumerate(
            f'{part}.{kind}'
            for part in ('pointwise', 'horizontal', 'vertical')
            for kind in ('conv', 'bn')
        )
    },
    **{
        f'shortcut.{index}.': f'shortcut.{layer}.'
        for index, layer in enumerate(('0.conv', '0.bn', '1.conv', '1.bn'))
    },
    'conv_dw.': 'depthwise.conv.',
    'bn_dw.': 'depthwise.bn.',
    'se.conv_reduce.': 'se.reduce.conv.',
    'se.conv_expand.': 'se.expand.conv.',
}


def _rename(key):
    """Give the mmghost name of a timm key, or None where it is not a backbone's timm key."""
    if key.startswith('conv_stem.'):
        return key.replace('conv_stem.', 'stem.conv.', 1)
    if key.startswith('bn1.'):
        return key.replace('bn1.', 'stem.bn.', 1)
    match = _BLOCK.fullmatch(key)
    if match is None:
        return None
    group, block, rest = int(match[1]), int(match[2]), match[3]
    if group == 9:
        return f'stages.5.{rest.replace("bn1.", "bn.")}'
    # A stage's strided bottleneck is a group of its own in timm, followed by the rest's group.
    stage = (group + 1) // 2
    if group > 0 and group % 2 == 0:
        block += 1
    branch = _BRANCH.fullmatch(rest)
    if branch is not None:
        place, name, value = branch.groups()
        name, value = name.replace('conv', 'branches'), value.replace('bn1.', 'bn.')
        return f'stages.{stage}.{block}.{_BRANCHED[place]}.{name}.{value}'
    for theirs, ours in _PARTS.items():
        if rest.startswith(theirs):
            return f'stages.{stage}.{block}.{ours}{rest[len(theirs) :]}'
    return None


def rename_timm_keys(state_dict, prefix='', *args):
    """Rename timm's keys under ``prefix`` in place; others, such as the head's, are kept.

    Has the signature of a module's load_state_dict pre-hook.

    Args:
        state_dict (dict): Weights by name; changed in place.
        prefix (str): What precedes the backbone's own names. Defaults to ''.
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            renamed = _rename(key[len(prefix) :])
            if renamed is not None:
                state_dict[prefix + renamed] = state_dict.pop(key)


# The classifier of mmpretrain's StackedLinearClsHead, in whose names mmghost keeps it.
_HEAD = {'conv_head.': 'head.layers.0.fc.', 'classifier.': 'head.layers.1.fc.'}


def rename_timm_head(state_dict):
    """Rename timm's classifier in place; its first layer, a 1x1 convolution, becomes linear.

    Args:
        state_dict (dict): Weights by name; changed in place.
    """
    for theirs, ours in _HEAD.items():
        for kind in ('weight', 'bias'):
            if theirs + kind in state_dict:
                value = state_dict.pop(theirs + kind)
                state_dict[ours + kind] = value.flatten(1) if value.ndim == 4 else value


def _rename_back(key):
    """Give the timm name of one of the backbone's keys."""
    for theirs, ours in (('conv_stem.', 'stem.conv.'), ('bn1.', 'stem.bn.')):
        if key.startswith(ours):
            return theirs + key[len(ours) :]
    _, stage, rest = key.split('.', 2)
    stage = int(stage)
    if stage == 5:
        return f'blocks.9.0.{"bn1" + rest[2:] if rest.startswith("bn.") else rest}'
    block, rest = rest.split('.', 1)
    group, block = 2 * stage, int(block)
    if stage > 0:
        group, block = (group - 1, 0) if block == 0 else (group, block - 1)
    branch = _OUR_BRANCH.fullmatch(rest)
    if branch is not None:
        place, name, value = branch.groups()
        theirs = next(key for key, ours in _BRANCHED.items() if ours == place)
        name, value = name.replace('branches', 'conv'), value.replace('bn.', 'bn1.')
        return f'blocks.{group}.{block}.{theirs}_rpr_{name}.{value}'
    for theirs, ours in _PARTS.items():
        if rest.startswith(ours):
            return f'blocks.{group}.{block}.{theirs}{rest[len(ours) :]}'
    raise KeyError(key)


def to_timm_layout(backbone, others):
    """Give a backbone's and its classifier's weights timm's names.

    Args:
        backbone (dict): Weights of a GhostNet backbone under mmghost's names.
        others (dict): The classifier's, as mmpretrain's StackedLinearClsHead names them; further
            ones are left out.

    Returns:
        dict: Weights as timm's model of the same width has them.
    """
    weights = {_rename_back(key): value for key, value in backbone.items()}
    for theirs, ours in _HEAD.items():
        for kind in ('weight', 'bias'):
            if ours + kind in others:
                value = others[ours + kind]
                linear = theirs == 'conv_head.' and kind == 'weight'
                weights[theirs + kind] = value[:, :, None, None] if linear else value
    return weights
