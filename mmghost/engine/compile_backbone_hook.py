from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmghost.registry import HOOKS


@HOOKS.register_module()
class CompileBackboneHook(Hook):
    """Train and validate with the backbone compiled by ``torch.compile``.

    mmengine's own ``compile`` takes the whole step: the optimizer too, which takes minutes more to
    compile, and heads that a compiler cannot see through. Names in checkpoints stay the same.

    Args:
        **options: Those of ``torch.compile``, ``mode`` for example.

    Example:
        >>> custom_hooks = [dict(type='mmghost.CompileBackboneHook')]
    """

    def __init__(self, **options):
        self.options = options

    def before_train(self, runner):
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        model.backbone.compile(**self.options)
