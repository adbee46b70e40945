from .deploy_checkpoint import deploy_checkpoint
from .deploy_form import to_deploy_form

__all__ = ['deploy_checkpoint', 'to_deploy_form']
