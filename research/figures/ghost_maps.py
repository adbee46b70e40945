"""The intrinsic and the ghost maps of Ghost modules."""

from typing import NamedTuple

import torch

from mmghost.layers import GhostModule

from .layer_outputs import find_layer, record, record_maps


class LayerMaps(NamedTuple):
    """A layer's maps on an image.

    Attributes:
        layer (str): The layer's name.
        groups (dict[str, Tensor]): Maps ``(C, H, W)`` by what they are. Of a Ghost module
            'intrinsic' and 'ghost', or 'ghost 1', 'ghost 2' where there are several of each
            intrinsic map; map i of each is made of intrinsic map i. Of another layer 'output'.
    """

    layer: str
    groups: dict

    def correlations(self):
        """Give each ghost map's correlation with its intrinsic map, 0 where one is constant."""
        intrinsic = self.groups.get('intrinsic')
        ghosts = [maps for name, maps in self.groups.items() if name.startswith('ghost')]
        return torch.cat([_correlate(intrinsic[: len(maps)], maps) for maps in ghosts])


def ghost_maps(model, image, layers=None):
    """Take a network's maps apart: those that convolutions made, and their ghosts.

    GhostNet, Section 3.1, Eqs. 2 and 3, and Figures 1, 4 and 5. The maps are those of the two
    convolutions with their batch norm and activation, before they are concatenated and, in
    GhostNetV2, multiplied with the attention.

    Args:
        model (nn.Module): A detector, segmentor or classifier, in evaluation mode.
        image (InputImage): The image.
        layers (Sequence[str], optional): Names of Ghost modules or, for their maps alone, of other
            layers. By default the second Ghost module of the network, as in Figure 4.

    Returns:
        list[LayerMaps]: The maps of each layer.

    Raises:
        ValueError: If there is no such layer, or it gives no maps, or, without ``layers``, there
            is no Ghost module.
    """
    if not layers:
        names = [name for name, m in model.named_modules() if isinstance(m, GhostModule)]
        if not names:
            raise ValueError('the model has no Ghost module: name another layer with --layer.')
        layers = names[1:2] or names
    found = []
    for name in layers:
        layer = find_layer(model, name)
        if isinstance(layer, GhostModule):
            found.append(LayerMaps(name, _halves(model, name, layer, image)))
        else:
            found.append(LayerMaps(name, dict(output=record_maps(model, name, image))))
    return found


def _halves(model, name, module, image):
    parts = {part: getattr(module, part) for part in ('primary_conv', 'cheap_operation')}
    found = record(model, parts, image)
    intrinsic, ghost = (found[part][1][0] for part in parts)
    each = len(ghost) // len(intrinsic)
    ghost = ghost[: module.out_channels - len(intrinsic)]
    groups = dict(intrinsic=intrinsic)
    for index in range(each):
        groups['ghost' if each == 1 else f'ghost {index + 1}'] = ghost[index::each]
    return groups


def _correlate(first, second):
    first, second = (maps.flatten(1) - maps.flatten(1).mean(1, True) for maps in (first, second))
    norms = first.norm(dim=1) * second.norm(dim=1)
    return torch.where(norms > 0, (first * second).sum(1) / norms.clamp(min=1e-30), 0.0)
