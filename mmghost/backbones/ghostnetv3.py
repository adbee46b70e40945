from mmcv.cnn import ConvModule

from mmghost.layers import BranchedConv, FoldingConvModule
from mmghost.registry import register_backbone
from mmghost.utils import check_int

from .ghostnetv2 import GhostNetV2


@register_backbone
class GhostNetV3(GhostNetV2):
    """GhostNetV3 (Liu et al., 2024, Section 4.1) as a multi-scale backbone.

    It is GhostNetV2, trained with branches in both Ghost modules and the strided convolution of
    every bottleneck, see :class:`mmghost.layers.BranchedConv`. :meth:`switch_to_deploy` merges
    them: it is then a GhostNetV2 in its deploy form, with the same names of weights. The
    published widths are 1.0, 1.3 and 1.6.

    Args:
        *args: Arguments of :class:`GhostNetV2`.
        num_branches (int): Convolutions that are summed for one. Defaults to 3.
        **kwargs: Arguments of :class:`GhostNetV2`.

    Shape:
        As :class:`GhostNet`.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
    """

    def __init__(self, *args, num_branches=3, **kwargs):
        check_int('num_branches', num_branches, 1)
        self._num_branches = num_branches
        super().__init__(*args, **kwargs)
        for module in self.modules():
            if type(module) is ConvModule:  # so that merging changes no bit of an output
                module.__class__ = FoldingConvModule

    def _make_bottleneck(self, *args, **kwargs):
        return super()._make_bottleneck(*args, num_branches=self._num_branches, **kwargs)

    def switch_to_deploy(self, test_cfg=None):
        """Merge the branches and fold the batch norms, in place and for good, for inference."""
        for parent in list(self.modules()):
            for name, layer in list(parent.named_children()):
                if isinstance(layer, BranchedConv) and layer.eval().can_merge():
                    setattr(parent, name, layer.merged())
        super().switch_to_deploy()
