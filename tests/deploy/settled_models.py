import numpy as np
import torch
from torch import nn


def settle_model(model):
    """Give a model statistics that are those of its features, and outputs that vary."""
    model.init_weights()
    channels = next(model.backbone.parameters()).shape[1]
    for module in model.train().modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the plain mean
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.normal_(module.bias, 0, 0.1)
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(2, channels, 64, 96))
        if hasattr(model, 'bbox_head'):
            for conv in getattr(model.bbox_head, 'convs_pred', ()):
                conv.weight.normal_(0, 0.2)
                conv.bias.fill_(-1)
    return model.eval()


def assert_same_outputs(exported, module, *shape):
    """Compare what a file gives for an image with what the module gives that it was made of."""
    image = torch.randn(shape)
    with torch.no_grad():
        expected = module(image)
    outputs = exported(image.numpy())
    assert len(outputs) == len(expected)
    for found, wanted in zip(outputs, expected):
        assert np.abs(found - wanted.numpy()).max() < 1e-4 * wanted.abs().max()
