"""A check of a model's classes against its training data's."""

# The heads that tell the classes apart; others, as mmdet's rpn_head, have one or two of their own
_HEADS = ('head', 'bbox_head', 'decode_head')


def check_classes(model, dataset):
    """Raise a ValueError if a head has fewer classes than the data, as labels would be beyond it.

    Args:
        model (nn.Module): A detector, segmentor or classifier.
        dataset (Dataset): What it is to be trained on, of mmengine's kind.
    """
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
    for name, head in getattr(model, 'module', model).named_modules():
        words = [word for word in name.split('.') if not word.isdigit()]  # those of a cascade
        count = getattr(head, 'num_classes', None)
        # A segmentor of one class tells it from the background
        if words and words[-1] in _HEADS and isinstance(count, int) and 1 < count < len(classes):
            raise ValueError(
                f'model.{name} has num_classes={count}, but the training data has '
                f'{len(classes)} classes.'
            )
