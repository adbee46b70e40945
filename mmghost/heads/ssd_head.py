from mmghost.registry import MODELS


@MODELS.register_module()
def SSDHead(**kwargs):
    """Build mmdet's SSDHead so that it predicts with mmdet 3.3 too.

    There, whatever predicts as BaseDenseHead does is asked for its ``loss_cls``, and SSDHead, whose
    loss is fixed, has none.

    Args:
        **kwargs: As those of mmdet's ``SSDHead``.

    Returns:
        mmdet.models.SSDHead: The head.
    """
    from mmdet.models import SSDHead

    head = SSDHead(**kwargs)
    head.loss_cls = getattr(head, 'loss_cls', None)
    return head
