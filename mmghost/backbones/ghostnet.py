import warnings

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, ModuleList, PretrainedInit, Sequential
from torch.nn.modules.batchnorm import _BatchNorm

from mmghost.checkpoint import load_pretrained, rename_timm_keys
from mmghost.layers import GhostBottleneck, fold_norms
from mmghost.registry import register_backbone
from mmghost.utils import (
    check_choice,
    check_flag,
    check_images,
    check_int,
    check_layer_cfg,
    check_options,
    check_positive,
    check_type,
    make_divisible,
)

from .stages import FINAL_CHANNELS, STAGES, STEM_CHANNELS

OUTPUT_STRIDES = (8, 16, 32)
_PRETRAINED = ('type', 'checkpoint', 'prefix', 'ema', 'map_location')  # in an init_cfg


@register_backbone
class GhostNet(BaseModule):
    """GhostNet (Han et al., CVPR 2020, Section 3.2, Table 1) as a multi-scale backbone.

    =========  ======  ================  =============================
    out index  stride  channels at 1.0x  taken after
    =========  ======  ================  =============================
    0          2       16                stage 0
    1          4       24                stage 1
    2          8       40                stage 2
    3          16      112               stage 3
    4          32      160               stage 4
    5          32      960               the 1x1 convolution to 960
    =========  ======  ================  =============================

    Only what the chosen outputs need is built.

    Args:
        widen_factor (float): Factor on every channel count; results are rounded to multiples
            of 4. The papers' widths are 0.5, 1.0, 1.1, 1.3, 1.4 and 1.7. Defaults to 1.0.
        in_channels (int): Channels of the input image. Defaults to 3.
        out_indices (Sequence[int]): The outputs, ascending, from 0 to 5. Defaults to (4, ).
        output_stride (int): The largest stride, 8, 16 or 32. A stage that would exceed it keeps the
            resolution, and every spatial kernel after the place of its stride is dilated instead,
            so that weights trained at stride 32 see the neighbourhoods they know: every 2nd or 4th
            pixel of such a map is that of stride 32, but for squeeze-and-excitation, whose mean is
            over the denser map. Defaults to 32.
        frozen_stages (int): Stem and stages up to this out index are frozen: no gradients, and
            norm layers in eval mode. -1 freezes nothing. Defaults to -1.
        norm_eval (bool): Keep the statistics of all batch norm layers in training.
            Defaults to False.
        with_cp (bool): Recompute the bottlenecks in the backward pass, which saves memory and
            costs time. Defaults to False.
        conv_cfg (dict, optional): Config of the convolutions. Defaults to None (Conv2d).
        norm_cfg (dict, optional): Config of the norm layers. Defaults to ``dict(type='BN')``.
        act_cfg (dict, optional): Config of the activations. Defaults to ``dict(type='ReLU')``.
        init_cfg (dict | list[dict], optional): Initialization config.
            ``dict(type='Pretrained', checkpoint=F)`` takes F as it is: the authors' release
            files, timm's, an OpenMMLab model's with this backbone, a backbone's own. ``prefix``
            and ``ema`` beside ``checkpoint`` are those of
            :func:`mmghost.checkpoint.load_pretrained`.
        deploy (bool): Build the deploy form, see :meth:`switch_to_deploy`, for checkpoints that
            were written in it. Defaults to False.

    Shape:
        ``(N, in_channels, H, W)``, any H and W from 1, to a tuple with one
        ``(N, out_channels[i], ceil(H / stride), ceil(W / stride))`` per out index, the stride
        being that of the table or ``output_stride``, whichever is less. An empty batch gives
        empty maps; NaN and infinite values are not looked for, and spread.

    Raises:
        TypeError, ValueError: If an argument is of the wrong type or out of its range, or an input
            of another type or shape.
    """

    def __init__(
        self,
        widen_factor=1.0,
        in_channels=3,
        out_indices=(4,),
        output_stride=32,
        frozen_stages=-1,
        norm_eval=False,
        with_cp=False,
        conv_cfg=None,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
        init_cfg=[
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
        ],
        deploy=False,
    ):
        last_index = len(STAGES)
        check_positive('widen_factor', widen_factor)
        check_int('in_channels', in_channels, 1)
        check_int('frozen_stages', frozen_stages, -1, last_index)
        check_flag('norm_eval', norm_eval)
        check_flag('with_cp', with_cp)
        check_flag('deploy', deploy)
        check_layer_cfg('conv_cfg', conv_cfg)
        check_layer_cfg('norm_cfg', norm_cfg)
        check_layer_cfg('act_cfg', act_cfg)
        self._check_init_cfg(init_cfg)
        check_choice('output_stride', output_stride, OUTPUT_STRIDES)
        self._check_out_indices(out_indices, last_index)
        super().__init__(init_cfg)

        self.widen_factor = widen_factor
        self.in_channels = in_channels
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        cfg = dict(conv_cfg=conv_cfg, norm_cfg=norm_cfg, act_cfg=act_cfg)

        channels = make_divisible(STEM_CHANNELS * widen_factor)
        self.stem = ConvModule(in_channels, channels, 3, stride=2, padding=1, **cfg)
        self.stages = ModuleList()
        stage_channels = []
        depth = 0
        stride, dilation = 2, 1
        for stage in STAGES[: self.out_indices[-1] + 1]:
            blocks = []
            for block in stage:
                out_channels = make_divisible(block.out_channels * widen_factor)
                dilate = stride * block.stride > output_stride
                blocks.append(
                    self._make_bottleneck(
                        depth,
                        channels,
                        make_divisible(block.mid_channels * widen_factor),
                        out_channels,
                        kernel_size=block.kernel_size,
                        stride=block.stride,
                        dilation=dilation,
                        dilate=dilate,
                        with_se=block.with_se,
                        with_cp=with_cp,
                        **cfg,
                    )
                )
                if dilate:
                    dilation *= block.stride
                else:
                    stride *= block.stride
                channels = out_channels
                depth += 1
            self.stages.append(Sequential(*blocks))
            stage_channels.append(channels)
        if last_index in self.out_indices:
            final_channels = make_divisible(FINAL_CHANNELS * widen_factor)
            self.stages.append(ConvModule(channels, final_channels, 1, **cfg))
            stage_channels.append(final_channels)
        #: tuple[int]: Channels of each output.
        self.out_channels = tuple(stage_channels[index] for index in self.out_indices)

        self._register_load_state_dict_pre_hook(rename_timm_keys)
        self._register_load_state_dict_pre_hook(_check_form, with_module=True)
        self._freeze_stages()
        #: bool: Whether it is in the deploy form.
        self.deploy = False
        if deploy:
            self.switch_to_deploy()

    def _make_bottleneck(self, index, *args, **kwargs):
        """Build a bottleneck, ``index`` counting them all from 0."""
        return GhostBottleneck(*args, **kwargs)

    @staticmethod
    def _check_out_indices(out_indices, last_index):
        allowed = f'a sequence of ascending integers from 0 to {last_index}'
        check_type('out_indices', out_indices, (list, tuple, range), allowed)
        for index in out_indices:
            check_int('each of out_indices', index, 0, last_index)
        if not out_indices or list(out_indices) != sorted(set(out_indices)):
            raise ValueError(f'out_indices must be {allowed}, but got {out_indices!r}.')

    @staticmethod
    def _check_init_cfg(init_cfg):
        allowed = 'a dict, a list of dicts or None'
        if init_cfg is not None:
            check_type('init_cfg', init_cfg, (dict, list, tuple), allowed)
        for cfg in [init_cfg] if isinstance(init_cfg, dict) else init_cfg or ():
            check_type('each of init_cfg', cfg, dict, 'a dict')
            if cfg.get('type') in ('Pretrained', PretrainedInit):
                check_options('init_cfg', cfg, _PRETRAINED)
                if 'checkpoint' not in cfg:
                    raise ValueError(f'init_cfg must name its checkpoint, but got {cfg!r}.')

    def init_weights(self):
        """Initialize as ``init_cfg`` says, pretrained weights by :func:`load_pretrained`."""
        every = [self.init_cfg] if isinstance(self.init_cfg, dict) else self.init_cfg or []
        pretrained = [cfg for cfg in every if cfg.get('type') in ('Pretrained', PretrainedInit)]
        self.init_cfg = [cfg for cfg in every if cfg not in pretrained]
        super().init_weights()
        self.init_cfg = every
        for cfg in pretrained:
            load_pretrained(self, cfg['checkpoint'], cfg.get('prefix'), cfg.get('ema'))

    def _freeze_stages(self):
        if self.frozen_stages < 0:
            return
        for module in (self.stem, *self.stages[: self.frozen_stages + 1]):
            module.eval()
            module.requires_grad_(False)

    def switch_to_deploy(self, test_cfg=None):
        """Fold the batch norms into the convolutions, in place, for inference.

        The outputs stay the same but for rounding, see :func:`mmghost.layers.fold_norms`.

        Args:
            test_cfg (dict, optional): Not used; mmpose's estimators pass theirs.
        """
        fold_norms(self.eval())
        self.deploy = True

    def get_layer_depth(self, param_name, prefix=''):
        """Tell how deep a weight lies, for mmpretrain's learning rates by layer.

        Args:
            param_name (str): Its name.
            prefix (str): What precedes the backbone's own names. Defaults to ''.

        Returns:
            tuple[int, int]: Its depth, 0 for the stem, one more for each bottleneck and for the 1x1
            convolution, and the greatest for what comes after the backbone; the number of depths.
        """
        layers = [self.stem]
        for stage in self.stages:
            layers += [stage] if isinstance(stage, ConvModule) else stage
        names = {layer: name for name, layer in self.named_modules()}
        for depth, layer in enumerate(layers):
            if param_name.startswith(f'{prefix}{names[layer]}.'):
                return depth, len(layers) + 1
        return len(layers), len(layers) + 1

    def train(self, mode=True):
        """Set the training mode, keeping frozen stages and, with norm_eval, norms in eval mode."""
        super().train(mode)
        if mode and self.deploy:
            warnings.warn(
                'the backbone is to be trained in its deploy form, without batch norms.',
                stacklevel=2,
            )
        self._freeze_stages()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def forward(self, x):
        check_images(x, self.in_channels)
        x = self.stem(x)
        outs = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.out_indices:
                outs.append(x)
        return tuple(outs)


def _check_form(backbone, state_dict, prefix, *args):
    """Say so if weights are of the deploy form and the backbone is not, or the reverse."""
    errors = args[-1]
    has_bias = f'{prefix}stem.conv.bias' in state_dict
    has_norm = f'{prefix}stem.bn.running_mean' in state_dict
    if backbone.deploy and has_norm:
        errors.append(
            'the weights have batch norms, which the backbone, in its deploy form, has not: leave '
            'out model.backbone.deploy=True'
        )
    elif has_bias and not has_norm and not backbone.deploy and backbone.stem.with_norm:
        errors.append('the weights are those of the deploy form: set model.backbone.deploy=True')
