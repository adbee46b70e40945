"""Segmentors from the image to the classes of its pixels."""

from torch import nn


class WholeSegmentor(nn.Module):
    """A segmentor of mmseg, its map enlarged to the image.

    Args:
        model (EncoderDecoder): The segmentor.
        logits (bool): Give logits instead of classes. Defaults to False.

    Shape:
        - Input: (N, C, H, W), normalised.
        - Output: classes (N, H, W), integers, or logits (N, classes, H, W).

    Raises:
        ValueError: If the segmentor is no EncoderDecoder, or tests with sliding windows.
    """

    def __init__(self, model, logits=False):
        super().__init__()
        from mmseg.models import EncoderDecoder

        if not isinstance(model, EncoderDecoder):
            raise ValueError(f'{type(model).__name__} is no EncoderDecoder of mmseg.')
        if model.test_cfg.get('mode', 'whole') != 'whole':
            raise ValueError(
                'the config tests with sliding windows, and a file holds the network of one: set '
                'model.test_cfg.mode=whole.'
            )
        model.auxiliary_head = None
        self.model = model
        self.logits = logits
        self.output_names = ('logits',) if logits else ('classes',)

    def forward(self, image):
        size = tuple(image.shape[2:])
        logits = self.model.encode_decode(image, [dict(img_shape=size, pad_shape=size)])
        if self.logits:
            return (logits,)
        if logits.shape[1] == 1:
            return ((logits[:, 0].sigmoid() > self.model.decode_head.threshold).long(),)
        return (logits.argmax(1),)
