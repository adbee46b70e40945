from mmghost.layers import GhostBottleneck
from mmghost.layers.ghost_bottleneck import ENHANCEMENTS
from mmghost.registry import register_backbone
from mmghost.utils import check_choice, check_optional_dict, check_type

from .ghostnet import GhostNet
from .stages import STAGES

BOTTLENECKS = sum(map(len, STAGES))
PLAIN_BOTTLENECKS = 2  # the first ones have no DFC attention


@register_backbone
class GhostNetV2(GhostNet):
    """GhostNetV2 (Tang et al., NeurIPS 2022, Section 4.2) as a multi-scale backbone.

    It is GhostNet with DFC attention in every bottleneck but the first two, as in the released
    weights; outputs and channels are those of :class:`GhostNet`. The paper's widths are 1.0, 1.3
    and 1.6. With an ``output_stride`` below 32 the attention is dilated like the convolutions.

    Args:
        *args: Arguments of :class:`GhostNet`.
        attention_cfg (dict | Sequence[dict | None]): Config of the attention, see
            :class:`mmghost.layers.GhostModuleV2`, or one for each of the 16 bottlenecks, None for
            those without: for kernel sizes by stage (Table 6) and for attention in some stages only
            (Table 7). Defaults to ``dict(type='mmghost.DFCAttention')``.
        enhance (str): What the attention enhances, 'expressiveness', 'capacity' or 'both'
            (Table 8), see :class:`mmghost.layers.GhostBottleneck`. Defaults to 'expressiveness'.
        **kwargs: Arguments of :class:`GhostNet`.

    Shape:
        As :class:`GhostNet`.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range.
    """

    def __init__(
        self,
        *args,
        attention_cfg=dict(type='mmghost.DFCAttention'),
        enhance='expressiveness',
        **kwargs,
    ):
        check_choice('enhance', enhance, ENHANCEMENTS)
        allowed = f'a dict or a sequence of {BOTTLENECKS} dicts or None'
        check_type('attention_cfg', attention_cfg, (dict, list, tuple), allowed)
        if isinstance(attention_cfg, dict):
            rest = BOTTLENECKS - PLAIN_BOTTLENECKS
            attention_cfg = [None] * PLAIN_BOTTLENECKS + [attention_cfg] * rest
        if len(attention_cfg) != BOTTLENECKS:
            raise ValueError(f'attention_cfg must be {allowed}, but has {len(attention_cfg)}.')
        for cfg in attention_cfg:
            check_optional_dict('each of attention_cfg', cfg)
        self._attention_cfgs = attention_cfg
        self._enhance = enhance
        super().__init__(*args, **kwargs)

    def _make_bottleneck(self, index, *args, **kwargs):
        return GhostBottleneck(
            *args, attention_cfg=self._attention_cfgs[index], enhance=self._enhance, **kwargs
        )
