from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import HOOKS


class Backbone(torch.nn.Conv2d):
    def forward(self, x):
        return super().forward(x).relu()


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone(3, 4, 3)


@pytest.mark.parametrize('wrap', [lambda model: model, torch.nn.DataParallel])
def test_the_backbone_alone_is_compiled_in_one_graph(wrap):
    graphs, model, image = [], Model(), torch.randn(2, 3, 8, 8)

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    names, expected = list(model.state_dict()), model.backbone(image)
    hook = dict(type='mmghost.CompileBackboneHook', backend=backend, fullgraph=True)
    HOOKS.build(hook).before_train(SimpleNamespace(model=wrap(model)))
    torch.testing.assert_close(model.backbone(image), expected)
    assert len(graphs) == 1 and list(model.state_dict()) == names
