from numbers import Real

import torch
from torch.optim import Optimizer

from mmghost.registry import OPTIMIZERS
from mmghost.utils import check_type


@OPTIMIZERS.register_module()
class RMSpropTF(Optimizer):
    """RMSProp in TensorFlow's form, which GhostNet's ImageNet recipe uses.

    It differs from :class:`torch.optim.RMSprop` in three points: the mean square starts at 1, eps
    is added to it before the root is taken, and the learning rate enters the momentum buffer, so
    that a change of it takes effect gradually.

    Args:
        params (iterable): Parameters or groups of them.
        lr (float): Learning rate. Defaults to 0.01.
        alpha (float): Decay of the mean square. Defaults to 0.9.
        eps (float): Added to the mean square. Defaults to 1e-10.
        weight_decay (float): L2 penalty. Defaults to 0.
        momentum (float): Momentum; 0 keeps no buffer. Defaults to 0.

    Raises:
        TypeError, ValueError: If a value is no number, or negative.
    """

    def __init__(self, params, lr=0.01, alpha=0.9, eps=1e-10, weight_decay=0.0, momentum=0.0):
        defaults = dict(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        for name, value in defaults.items():
            check_type(name, value, Real, 'a number >= 0')
            if not value >= 0:
                raise ValueError(f'{name} must be a number >= 0, but got {value}.')
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step; returns the closure's loss, if a closure is given."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group['params']:
                if param.grad is not None:
                    self._update(param, group)
        return loss

    def _update(self, param, group):
        state = self.state[param]
        if not state:
            state['square_avg'] = torch.ones_like(param)
            if group['momentum']:
                state['momentum_buffer'] = torch.zeros_like(param)
        grad = param.grad
        if group['weight_decay']:
            grad = grad.add(param, alpha=group['weight_decay'])
        mean = state['square_avg'].lerp_(grad.square(), 1 - group['alpha'])
        update = grad * (mean + group['eps']).rsqrt_() * group['lr']
        if group['momentum']:
            update = state['momentum_buffer'].mul_(group['momentum']).add_(update)
        param.sub_(update)
