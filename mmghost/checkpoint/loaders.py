"""Whole models from published GhostNet files, through mmengine's own loading."""

import torch.distributed
from mmengine.dist import get_dist_info
from mmengine.runner import CheckpointLoader

from .read_weights import fetch, load_safely, sort_weights

# The authors' and timm's
_NAMES = '|'.join(
    [
        r'ck_ghostnetv2_\d+\.pth(\.tar)?',
        r'state_dict_73\.98\.pth',
        r'ghostnetv3-\d\.\d\.pth\.tar',
        r'([\w.-]*[-_.])?ghostnet(v[23])?_\d{3}(?!\d)[\w.-]*\.(safetensors|bin|pth)',
        r'ghostnet_1x\.pth',
    ]
)
# mmengine takes the first that matches, in descending order: so http(s) comes before its own
# 'https://', and local files come after all addresses
_SCHEMES = (
    rf'https?://(\S*/)?({_NAMES})(\?\S*)?$',
    rf'(?!\S+://)(.*[/\\])?({_NAMES}|[^/\\]+\.safetensors)$',
    r'(?:hf[-_]hub:)?timm/ghostnet[\w.-]+$',
    r'mmghost:',
)


@CheckpointLoader.register_scheme(prefixes=_SCHEMES)
def load_from_mmghost(filename, map_location=None):
    """Load a published GhostNet file for mmengine, under an OpenMMLab classifier's names.

    That is what ``load_from``, a model's ``init_cfg`` and the test tools load. The backbone's
    weights are found under ``backbone.``, the classifier's under ``head.``; of several sets the
    averaged one is taken. A file of something else is returned as it is. Nothing that a file holds
    is executed.

    Args:
        filename (str): A published file by its usual name, its web address, timm's name of it on
            the Hugging Face hub, or any ``.safetensors``; under another name, ``mmghost:FILE``.
        map_location: As in ``torch.load``.

    Raises:
        OSError: If there is no such file, or it cannot be fetched.
        ValueError: If it is broken, or cannot be loaded safely.
    """
    source = filename.removeprefix('mmghost:')
    rank, world_size = get_dist_info()
    if world_size > 1:  # the first process downloads for all of them
        if rank == 0:
            fetch(source)
        torch.distributed.barrier()
    path = fetch(source)
    content = load_safely(path, map_location)
    try:
        weights = sort_weights(content, path, prefix='')
    except ValueError:
        return content
    return dict(state_dict=weights.classifier) if weights.layout == 'timm' else content
