from mmghost.registry import MODELS
from mmghost.utils import check_type

from .dfc_attention import DFCAttention
from .gated_concat import gated_concat
from .ghost_module import GhostModule


class GhostModuleV2(GhostModule):
    """A Ghost module whose output is multiplied with attention, DFC attention by default.

    GhostNetV2, Section 4.2, Eq. 6. Both branches see the same input.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        dilation (int): Dilation of the cheap operation and of the attention. Defaults to 1.
        attention_cfg (dict): Config of a registered module that takes ``in_channels``,
            ``out_channels``, ``dilation``, ``conv_cfg`` and ``norm_cfg`` besides its own options,
            and gives a factor for every output value, such as :class:`DFCAttention`.
        conv_cfg, norm_cfg, act_cfg, init_cfg: As in :class:`GhostModule`.
        **kwargs: ``ratio``, ``cheap_kernel_size``, ``bias``, ``num_branches`` of
            :class:`GhostModule`.

    Shape:
        ``(N, in_channels, H, W)`` to ``(N, out_channels, H, W)``.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        dilation=1,
        attention_cfg=dict(type='mmghost.DFCAttention'),
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        init_cfg=None,
        **kwargs,
    ):
        for name, only in (('kernel_size', 1), ('stride', 1), ('padding', None)):
            if kwargs.get(name, only) != only:
                raise ValueError(f'{name} must be {only} in GhostModuleV2, but got {kwargs[name]}.')
        check_type('attention_cfg', attention_cfg, dict, 'a dict')
        super().__init__(
            in_channels,
            out_channels,
            dilation=dilation,
            conv_cfg=conv_cfg,
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            init_cfg=init_cfg,
            **kwargs,
        )
        self.attention = MODELS.build(
            dict(
                attention_cfg,
                in_channels=in_channels,
                out_channels=out_channels,
                dilation=dilation,
                conv_cfg=conv_cfg,
                norm_cfg=norm_cfg,
            )
        )

    def forward(self, x):
        if isinstance(self.attention, DFCAttention) and self.attention.has_coarse_gate:
            return gated_concat(*self.halves(x), self.attention.coarse_gate(x))
        return super().forward(x) * self.attention(x)
