import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

import mmghost  # noqa: F401


def test_history_buffers_and_numpy_values_load(tmp_path):
    buffer = HistoryBuffer([0.5, 0.25], [1, 2])
    content = dict(buffer=buffer, scalar=np.float64(0.5), count=np.int64(3), array=np.arange(4))
    torch.save(content, tmp_path / 'log.pth')
    loaded = torch.load(tmp_path / 'log.pth', weights_only=True)
    assert loaded['buffer'].mean() == buffer.mean()
    assert loaded['buffer'].statistics('max') == 0.5
    assert loaded['scalar'] == 0.5 and loaded['count'] == 3
    assert np.array_equal(loaded['array'], np.arange(4))


class Call:
    """What pickle turns into a call of any function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'make',
    [
        lambda path: Call(os.system, f'touch {path}'),
        lambda path: Call(open, str(path), 'w'),
        lambda path: Call(eval, f'open({str(path)!r}, "w")'),
        lambda path: Call(exec, f'open({str(path)!r}, "w")'),
        lambda path: Call(__import__, 'os'),
        lambda path: Call(getattr, Call(__import__, 'os'), 'system'),
        lambda path: Call(getattr, np.ndarray, 'tofile'),
        lambda path: Call(getattr, HistoryBuffer, '__init__'),
        lambda path: Call(getattr, HistoryBuffer, 'register_statistics'),
        lambda path: Call(getattr, Call(getattr, HistoryBuffer, 'mean'), '__globals__'),
        lambda path: Call(pickle.loads, pickle.dumps(Call(os.system, f'touch {path}'))),
        lambda path: Call(np.load, str(path)),
    ],
)
def test_malicious_checkpoints_are_refused(tmp_path, make):
    file, touched = tmp_path / 'bad.pth', tmp_path / 'touched'
    torch.save(dict(state_dict={}, meta=dict(payload=make(touched))), file)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    assert not touched.exists()


def test_the_default_of_torch_load_is_unchanged(tmp_path):
    torch.save(dict(payload=Call(os.getcwd)), tmp_path / 'bad.pth')
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / 'bad.pth')
