"""The input that a config tests with."""

from mmengine.registry import DATASETS

ADVICE = 'give --shape HEIGHT WIDTH'


def test_transforms(config):
    """List the transforms of a config's test pipeline that change the image."""
    dataset = config.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    names = ('Load', 'Pack', 'Collect')
    return [dict(step) for step in dataset.pipeline if not _name(step).startswith(names)]


def _name(step):
    kind = step['type']
    return (kind if isinstance(kind, str) else kind.__name__).split('.')[-1]


def test_input_size(config):
    """Tell the height and width of a config's test images, the largest if they differ.

    Args:
        config (Config): A whole config.

    Returns:
        tuple[int]: Height and width, from the last transform that sets them or, without any, from
        the first test image.

    Raises:
        ValueError: If neither is there.
    """
    size = None
    for step in reversed(test_transforms(config)):
        size = step.get('crop_size', step.get('size', step.get('scale')))
        if size is not None:
            break
    if size is None:
        try:
            image = DATASETS.build(config.test_dataloader.dataset)[0]['inputs']
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f'the test pipeline sets no size, and there is no test image to take it from '
                f'({error}): {ADVICE}.'
            ) from None
        size = tuple(image.shape[-2:])[::-1]
    width, height = (size, size) if isinstance(size, int) else size  # in mmcv's order
    divisor = config.model.data_preprocessor.get('pad_size_divisor', 1)
    return -(-height // divisor) * divisor, -(-width // divisor) * divisor
