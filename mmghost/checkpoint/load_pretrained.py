"""Loading pretrained weights into a backbone, all of them or none."""

import math

from mmengine.logging import print_log

from .merge_weights import are_merged
from .read_weights import read_weights

_STEM = 'stem.conv.weight'


def _describe(weights):
    layout = {'timm': "timm's or the authors' layout", 'mmghost': "mmghost's layout"}
    averaged = {None: '', True: ', EMA weights', False: ', not its EMA weights'}
    return layout[weights.layout] + averaged[weights.ema]


def _adapt_stem(weights, channels):
    """Make weights for images of 3 channels weights for others, as timm does.

    For one channel they are summed; else repeated, and scaled so that the sum stays.
    """
    stem = weights.get(_STEM)
    if stem is None or stem.shape[1] != 3 or channels == 3:
        return ''
    if channels == 1:
        weights[_STEM] = stem.sum(1, keepdim=True)
    else:
        repeated = stem.repeat(1, math.ceil(channels / 3), 1, 1)[:, :channels]
        weights[_STEM] = repeated * (3 / channels)
    return f'; of the 3 input channels {channels} were made'


def _groups(names, depth):
    """Shorten names to what they begin with."""
    return sorted({'.'.join(name.split('.')[:depth]) for name in names})


def _form(weights):
    if are_merged(weights):
        return 'merged'
    return 'branched' if any('.branches.' in key for key in weights) else 'plain'


_ADVICE = {
    ('merged', 'plain'): 'its norms are folded into its convolutions: set deploy=True',
    ('merged', 'branched'): 'its branches are merged: set deploy=True',
    ('plain', 'merged'): 'it has norms, which this {name} has not: leave out deploy=True',
    ('branched', 'merged'): 'it has branches, which this {name} has not: leave out deploy=True, or '
    'merge the file by tools/model_converters/convert_ghostnet.py --merge',
    ('plain', 'branched'): 'it has no branches, so it is no GhostNetV3: take another backbone',
    ('branched', 'plain'): "it has GhostNetV3's branches: take mmghost.GhostNetV3, or merge the "
    'file by tools/model_converters/convert_ghostnet.py --merge and set deploy=True',
}


def _check_architecture(backbone, found, path):
    """Raise a ValueError if the weights are of another architecture or width."""
    expected = backbone.state_dict()
    name = type(backbone).__name__
    kinds = [
        'with' if any('.attention.' in key for key in keys) else 'without'
        for keys in (found, expected)
    ]
    # Stages before the first attention, alone, are the same in both architectures
    if kinds[0] != kinds[1] and len(backbone.stages) > 2:
        raise ValueError(
            f'{path} is of another architecture: it is {kinds[0]} DFC attention, '
            f'this {name} is {kinds[1]}.'
        )
    for key, value in expected.items():
        if key in found and found[key].shape != value.shape:
            raise ValueError(
                f'{path} is of another width or input: its {key} is {tuple(found[key].shape)}, '
                f"this {name}'s is {tuple(value.shape)} (widen_factor={backbone.widen_factor})."
            )
    forms = _form(found), _form(expected)
    if forms[0] != forms[1]:
        raise ValueError(f'{path} is of another form: {_ADVICE[forms].format(name=name)}.')
    missing = [
        key for key in expected if key not in found and not key.endswith('num_batches_tracked')
    ]
    if missing:
        raise ValueError(
            f'{path} lacks {len(missing)} weights of this {name}, such as {missing[0]}.'
        )
    built = ('stem', *(f'stages.{index}' for index in range(len(backbone.stages))))
    unknown = [
        key
        for key in found
        if key not in expected and key.startswith(tuple(f'{b}.' for b in built))
    ]
    if unknown:
        raise ValueError(
            f'{path} is of another architecture: it has {unknown[0]}, which this {name} lacks.'
        )


def load_pretrained(backbone, source, prefix=None, ema=None):
    """Load weights of any known layout into a backbone, and log in one line what was done.

    What the backbone does not build (later stages, the classifier) is left out; whatever it builds
    must be in the file, with the same shapes. Only the stem may be for images of 3 channels where
    the backbone's is not: its weights are summed for one channel, else repeated and scaled.

    Args:
        backbone (nn.Module): A GhostNet backbone.
        source, prefix, ema: As in :func:`read_weights`.

    Raises:
        OSError, ValueError: As :func:`read_weights`, and if the file is of another width or
            architecture; the backbone is unchanged then.
    """
    weights = read_weights(source, prefix, ema)
    adapted = _adapt_stem(weights.backbone, backbone.in_channels)
    _check_architecture(backbone, weights.backbone, weights.path)
    built = backbone.state_dict().keys()
    kept = {key: value for key, value in weights.backbone.items() if key in built}
    backbone.load_state_dict(kept, strict=False)
    left_out = _groups(weights.backbone.keys() - kept.keys(), 2) + _groups(weights.others, 1)
    print_log(
        f'{type(backbone).__name__}: {len(kept)} tensors loaded from {source} '
        f'({_describe(weights)}); left out: {", ".join(left_out) or "nothing"}{adapted}.',
        logger='current',
    )
