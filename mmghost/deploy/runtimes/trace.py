"""The program of a module, which every format starts from."""

import torch
from torch.export import Dim, export

AXES = dict(batch=(0,), size=(2, 3))


def trace(module, example, dynamic=()):
    """Trace a module with one image tensor as input.

    Args:
        module (nn.Module): The module, in evaluation mode.
        example (Tensor): An input of shape (N, C, H, W).
        dynamic (tuple[str]): What may differ from the example's: 'batch', 'size'.

    Returns:
        torch.export.ExportedProgram: The program.
    """
    axes = [axis for name in dynamic for axis in AXES[name]]
    # The batch of an example of one image would be taken for a constant
    if 'batch' in dynamic and len(example) == 1:
        example = torch.cat([example, example])
    shapes = (dict.fromkeys(axes, Dim.DYNAMIC),)
    with torch.no_grad():
        return export(module, (example,), dynamic_shapes=shapes, strict=False)
