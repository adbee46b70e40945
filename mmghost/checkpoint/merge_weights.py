import re

import torch
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

_EPS = 1e-5  # of the authors', timm's and torch's batch norms
_BRANCH = re.compile(r'\.(branches\.\d+|scale|skip)$')


def are_merged(weights):
    """Tell whether Ghost modules in a backbone's weights are without norms and branches."""
    return any(key.endswith('ghost1.primary_conv.conv.bias') for key in weights)


def merge_weights(weights):
    """Make weights those of the deploy form, as ``switch_to_deploy`` does in a network.

    Args:
        weights (dict[str, Tensor]): A backbone's, under mmghost's names. What is merged or folded
            in them already stays as it is, as in files that the authors' and timm's own merging
            gives, where only the Ghost modules and the strided convolutions are.

    Returns:
        dict[str, Tensor]: Norms folded into the convolutions before them, and branches added up.

    Raises:
        ValueError: If a norm's convolution, or a part of a norm, is missing.
    """
    try:
        return _merge(weights)
    except KeyError as error:
        raise ValueError(f'the weights lack {error.args[0]}.') from error


def _merge(weights):
    merged, parts = dict(weights), {}
    for key in weights:
        place, _, name = key.rpartition('.')
        if name != 'running_var':
            continue
        names = 'running_mean', 'running_var', 'weight', 'bias'
        norm = [merged.pop(f'{place}.{name}') for name in names]
        merged.pop(f'{place}.num_batches_tracked', None)
        if place.endswith('.skip'):
            kernel, bias = torch.ones(len(norm[0]), 1, 1, 1), None
        else:
            place = place.removesuffix('.bn')
            kernel = merged.pop(f'{place}.conv.weight')
            bias = merged.pop(f'{place}.conv.bias', None)
        mean, var, scale, shift = (value.double() for value in norm)
        bias = None if bias is None else bias.double()
        fused = fuse_conv_bn_weights(kernel.double(), bias, mean, var, _EPS, scale, shift)
        parts.setdefault(_BRANCH.sub('', place), []).append((*fused, norm[0].dtype))
    for place, branches in parts.items():
        width = max(kernel.size(-1) for kernel, _, _ in branches)
        kernels = [F.pad(kernel, [(width - kernel.size(-1)) // 2] * 4) for kernel, *_ in branches]
        dtype = branches[0][-1]
        merged[f'{place}.conv.weight'] = sum(kernels).detach().to(dtype)
        merged[f'{place}.conv.bias'] = sum(bias for _, bias, _ in branches).detach().to(dtype)
    return merged
